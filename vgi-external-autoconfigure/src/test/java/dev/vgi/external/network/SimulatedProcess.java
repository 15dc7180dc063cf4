package dev.vgi.external.network;

import java.util.ArrayDeque;
import java.util.Deque;

import dev.vgi.external.time.TransferTimer;

/**
 * The connections of one process. The one that was used last is used next.
 */
final class SimulatedProcess implements Origin {

	private final SimulatedStorage storage;

	private final VirtualTime time;

	private final Deque<SimulatedConnection> idle = new ArrayDeque<>();

	SimulatedProcess(SimulatedStorage storage, VirtualTime time) {
		this.storage = storage;
		this.time = time;
	}

	@Override
	public Sent send(long bytes, Answer answer) {
		SimulatedConnection connection = this.idle.pollFirst();
		return new Request(bytes, answer,
				(connection != null) ? connection : new SimulatedConnection(this.storage.link));
	}

	private final class Request implements Sent {

		private final long bytes;

		private final Answer answer;

		private final SimulatedConnection connection;

		private final double slowness = SimulatedProcess.this.storage.slowness();

		private final TransferTimer.Alarm firstByte;

		private boolean receives;

		private boolean complete;

		Request(long bytes, Answer answer, SimulatedConnection connection) {
			this.bytes = bytes;
			this.answer = answer;
			this.connection = connection;
			boolean accepted = SimulatedProcess.this.storage.accepts();
			long delay = SimulatedProcess.this.storage.firstByteIn(this.slowness);
			this.firstByte = SimulatedProcess.this.time.in(delay, accepted ? this::receive : this::refuse);
		}

		private void refuse() {
			SimulatedProcess.this.idle.addFirst(this.connection);
			this.answer.busy(SimulatedProcess.this.storage.retryAfter());
		}

		private void receive() {
			this.receives = true;
			this.connection.receive(this.bytes, this.slowness, this::arrived);
			this.answer.firstByte();
		}

		private void arrived() {
			this.complete = true;
			SimulatedProcess.this.idle.addFirst(this.connection);
			this.answer.arrived();
		}

		@Override
		public long received() {
			if (this.complete) {
				return this.bytes;
			}
			return this.receives ? this.bytes - (long) Math.ceil(this.connection.left()) : 0;
		}

		@Override
		public void cancel() {
			this.firstByte.cancel();
			if (this.receives && !this.complete) {
				this.connection.abort();
			}
		}

	}

}
