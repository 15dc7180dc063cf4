package dev.vgi.external.transport;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;

import dev.vgi.external.time.TransferTimer;

/**
 * Ways in which a storage misbehaves, each for one answer of a {@link FaultServer}.
 */
public enum Fault {

	/** Accepts the request and says nothing. */
	STALL_BEFORE_HEADERS {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.stall();
		}
	},

	/** Stops after a few bytes of the body. */
	STALL_IN_BODY {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.begin(SOME);
			answer.reply.stall();
		}
	},

	/** Sends one byte a second. */
	TRICKLE {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.begin(SOME);
			for (int next = answer.range[0] + SOME; next < answer.range[1]; next++) {
				CountDownLatch second = new CountDownLatch(1);
				answer.timer.schedule(Duration.ofSeconds(1), second::countDown);
				answer.reply.await(second);
				answer.reply.raw(answer.content, next, next + 1);
			}
		}
	},

	/** Resets the connection instead of an answer. */
	RESET_BEFORE_HEADERS {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.reset();
		}
	},

	/** Resets the connection in the body, some of which has been received. */
	RESET_IN_BODY {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.begin(SOME);
			answer.reply.await(answer.received);
			answer.reply.reset();
		}
	},

	/** Closes the connection before the announced end. */
	TRUNCATED {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.begin(SOME);
			answer.reply.hangUp();
		}
	},

	/** Sends more than the range it names, without a length. */
	TOO_MUCH {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.head(206, answer.headers("Connection: close", answer.contentRange(0)));
			answer.reply.raw(answer.content, answer.range[0], answer.range[1]);
			answer.reply.raw(new byte[1000]);
			answer.reply.hangUp();
		}
	},

	/** Ignores the range. */
	WHOLE_OBJECT {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.whole(answer.content.length);
		}
	},

	/** Ignores the range, and closes the connection before the announced end. */
	WHOLE_OBJECT_TRUNCATED {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.whole(SOME, "ETag: \"v1\"");
			answer.reply.hangUp();
		}
	},

	/** The same of an object that nothing tells from other versions of it. */
	UNTAGGED_OBJECT_TRUNCATED {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.whole(SOME);
			answer.reply.hangUp();
		}
	},

	/** Does not say how large the object is. */
	UNKNOWN_TOTAL {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.unknownTotal(answer.range[1] - answer.range[0]);
		}
	},

	/** Does not say how large the object is, nor sends all of the range. */
	UNKNOWN_TOTAL_AND_SHORTER {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.unknownTotal(SOME);
		}
	},

	/** Answers another range than asked for. */
	SHIFTED_RANGE {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.head(206,
					answer.headers("Content-Length: " + (answer.range[1] - answer.range[0]), answer.contentRange(-1)));
			answer.reply.raw(answer.content, answer.range[0], answer.range[1]);
		}
	},

	/** Answers the range of another version of the object. */
	CHANGED_OBJECT {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.object(answer.content, answer.headers("ETag: \"v2\""));
		}
	},

	/** Announces less than the range has. */
	LENGTH_TOO_SMALL {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.lie(-1);
		}
	},

	/** Announces more than the range has. */
	LENGTH_TOO_LARGE {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.lie(1);
		}
	},

	/** 403. */
	FORBIDDEN {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(403);
		}
	},

	/** 416, although there is such a range. */
	NOT_SATISFIABLE {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(416, "Content-Range: bytes */" + answer.content.length);
		}
	},

	/** 429. */
	TOO_MANY_REQUESTS {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(429, "Retry-After: 1");
		}
	},

	/** 503. */
	UNAVAILABLE {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(503);
		}
	},

	/** Redirects to {@code /loop}, which is expected to redirect to itself. */
	REDIRECT_TO_ITSELF {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(302, "Location: /loop?secret");
		}
	},

	/** Redirects to the host {@code other.test}, same port. */
	REDIRECT_TO_OTHER_HOST {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(307, answer.location("other.test"));
		}
	},

	/** Redirects to the host {@code refused.test}. */
	REDIRECT_TO_REFUSED_HOST {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(302, answer.location("refused.test"));
		}
	},

	/** Redirects to the host {@code private.test}. */
	REDIRECT_TO_PRIVATE_ADDRESS {
		@Override
		public void answer(Answer answer) throws Exception {
			answer.reply.empty(301, answer.location("private.test"));
		}
	};

	/** Bytes of a body that is broken off. */
	public static final int SOME = 10_000;

	/**
	 * Misbehave.
	 * @param answer to what and with which object
	 * @throws Exception to break the connection
	 */
	public abstract void answer(Answer answer) throws Exception;

	/**
	 * What a fault needs to know.
	 */
	public static final class Answer {

		private final FaultServer.Reply reply;

		private final byte[] content;

		private final int[] range;

		private final String[] headers;

		private final TransferTimer timer;

		private final CountDownLatch received;

		private final int port;

		/**
		 * Create an answer.
		 * @param server whose answer it is
		 * @param reply where to write it
		 * @param content the object's bytes
		 * @param timer tells the seconds
		 * @param received counts down once a part of the object has been received
		 * @param headers of every answer that holds bytes of the object
		 */
		public Answer(FaultServer server, FaultServer.Reply reply, byte[] content, TransferTimer timer,
				CountDownLatch received, String... headers) {
			this.reply = reply;
			this.content = content;
			int[] asked = reply.range(content);
			this.range = (asked != null) ? asked : new int[] { 0, content.length };
			this.headers = headers;
			this.timer = timer;
			this.received = received;
			this.port = server.port();
		}

		private String[] headers(String... more) {
			String[] all = Arrays.copyOf(this.headers, this.headers.length + more.length);
			System.arraycopy(more, 0, all, this.headers.length, more.length);
			return all;
		}

		private String contentRange(int shift) {
			return "Content-Range: bytes " + Math.abs(this.range[0] + shift) + "-" + (this.range[1] - 1 + shift) + "/"
					+ this.content.length;
		}

		private String location(String host) {
			return "Location: http://" + host + ":" + this.port + "/elsewhere?secret";
		}

		private void begin(int count) throws Exception {
			this.reply.rangeHead(this.content, this.range, this.headers);
			this.reply.raw(this.content, this.range[0], this.range[0] + count);
		}

		private void whole(int count, String... headers) throws Exception {
			String[] all = headers(headers);
			all = Arrays.copyOf(all, all.length + 1);
			all[all.length - 1] = "Content-Length: " + this.content.length;
			this.reply.head(200, all);
			this.reply.raw(this.content, 0, count);
		}

		private void unknownTotal(int count) throws Exception {
			int end = this.range[0] + count;
			this.reply.head(206, headers("ETag: \"v1\"", "Content-Length: " + count,
					"Content-Range: bytes " + this.range[0] + "-" + (end - 1) + "/*"));
			this.reply.raw(this.content, this.range[0], end);
		}

		private void lie(int difference) throws Exception {
			this.reply.head(206,
					headers("Content-Length: " + (this.range[1] - this.range[0] + difference), contentRange(0)));
			this.reply.raw(this.content, this.range[0], this.range[1] + Math.min(0, difference));
			if (difference > 0) {
				this.reply.raw(new byte[difference]);
			}
		}

	}

}
