package dev.vgi.external.sample;

/**
 * What a client of {@code .ci/soak} does, and how many of some two hundred calls are
 * that: what is heavy is rare.
 */
enum SoakCall {

	/** Read some 8,000 flights, which come as a pointer. */
	READ_ROUTE(36),

	/** The same without pointers: the caller follows a redirect. */
	READ_PLAIN(16),

	/** Read all flights as segments. */
	READ_ALL(1),

	/** Read all flights as one object. */
	READ_ALL_PLAIN(1),

	/** Call a typed method. */
	SUMMARIZE(36),

	/** Stream all flights. */
	STREAM(1),

	/** Fetch a route and import it again, inline. */
	IMPORT(16),

	/** Import 100,000 flights through an upload URL. */
	IMPORT_LARGE(2),

	/** Import two batches as a stream. */
	IMPORT_STREAM(5),

	/** Import a reader of 100,000 flights as segments. */
	IMPORT_READER(2),

	/** Upload with nothing but HTTP, and import the object. */
	UPLOAD(6),

	/** Wait in the middle of all flights until the links have ended. */
	RENEW(1),

	/** Send a body in drops. */
	SLOW_WRITER(2),

	/** Stream one or two pages and cancel. */
	STREAM_CANCELLED(10),

	/** Leave while a response arrives, from the service or the storage. */
	DOWNLOAD_CANCELLED(10),

	/** Leave before a response arrives. */
	LEAVE_EARLY(4),

	/** Leave while the request is sent. */
	UPLOAD_CANCELLED(10),

	/** Leave in the middle of an upload to the storage. */
	OBJECT_CANCELLED(2),

	/** Read all flights in drops, and leave. */
	SLOW_READER(2),

	/** Send half of a stream. */
	BODY_TRUNCATED(3, Conduct.HOSTILE),

	/** Send noise. */
	BODY_NOISE(3, Conduct.HOSTILE),

	/** Send a stream some bytes of which are others. */
	BODY_MUTATED(6, Conduct.HOSTILE),

	/** Announce metadata of two gigabytes. */
	BODY_BOASTING(2, Conduct.HOSTILE),

	/** Send more than is allowed without saying so. */
	BODY_OVERSIZED(2, Conduct.HOSTILE),

	/** Send a gigabyte as a megabyte of gzip. */
	BODY_BOMB(1, Conduct.HOSTILE),

	/** Send a coding that is none. */
	BODY_MISCODED(2, Conduct.HOSTILE),

	/** Send noise to a method, and to the turn of a stream. */
	METHOD_NOISE(4, Conduct.HOSTILE),

	/** Send a pointer to where nobody may lead the service. */
	POINTER_REFUSED(3, Conduct.HOSTILE),

	/** Send a pointer to an upload that never happened. */
	POINTER_TO_NOTHING(2, Conduct.HOSTILE),

	/** Send a pointer to noise that was uploaded. */
	POINTER_TO_NOISE(2, Conduct.HOSTILE),

	/** Send a pointer to an object that has a fault, see {@link BoardStorage}. */
	POINTER_TO_OTHERS(12, Conduct.HOSTILE);

	private final int share;

	private final Conduct conduct;

	SoakCall(int share) {
		this(share, Conduct.FRIENDLY);
	}

	SoakCall(int share, Conduct conduct) {
		this.share = share;
		this.conduct = conduct;
	}

	int share() {
		return this.share;
	}

	/**
	 * Return whether it has to be refused.
	 * @return whether it is not meant to succeed
	 */
	boolean isHostile() {
		return this.conduct == Conduct.HOSTILE;
	}

	private enum Conduct {

		FRIENDLY, HOSTILE

	}

}
