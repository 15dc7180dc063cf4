package dev.vgi.external.sample.demo;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.transfer.FetchStatistics;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.UploadStatistics;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpRequest;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;

/**
 * Counts the bytes of the client's calls: those of the HTTP bodies, and those fetched
 * from storage. Thread-safe.
 */
final class TransferMeter implements ClientHttpRequestInterceptor, TransferListener {

	private final AtomicLong httpBytes = new AtomicLong();

	private final AtomicLong fetchedBytes = new AtomicLong();

	private final AtomicLong uploadedBytes = new AtomicLong();

	private volatile @Nullable ProgressDisplay display;

	/**
	 * Show the progress of transfers.
	 * @param display the display
	 */
	void showOn(ProgressDisplay display) {
		this.display = display;
	}

	/**
	 * Start over.
	 */
	void reset() {
		this.httpBytes.set(0);
		this.fetchedBytes.set(0);
		this.uploadedBytes.set(0);
	}

	/**
	 * Return the size of the bodies of requests and responses.
	 * @return bytes since the last reset, without storage
	 */
	long httpBytes() {
		return this.httpBytes.get();
	}

	/**
	 * Return how many bytes were fetched from storage.
	 * @return bytes since the last reset, as stored
	 */
	long fetchedBytes() {
		return this.fetchedBytes.get();
	}

	/**
	 * Return how many bytes were uploaded to storage.
	 * @return bytes since the last reset, as stored
	 */
	long uploadedBytes() {
		return this.uploadedBytes.get();
	}

	@Override
	public void uploaded(UploadStatistics statistics) {
		this.uploadedBytes.addAndGet(statistics.storedBytes());
	}

	@Override
	public void fetching(long received, long size) {
		show("fetch", received, size);
	}

	@Override
	public void uploading(long sent, long size) {
		show("upload", sent, size);
	}

	private void show(String transfer, long done, long total) {
		ProgressDisplay shown = this.display;
		if (shown != null) {
			shown.show(transfer, done, total);
		}
	}

	@Override
	public void fetched(FetchStatistics statistics) {
		this.fetchedBytes.addAndGet(statistics.encodedBytes());
	}

	@Override
	public ClientHttpResponse intercept(HttpRequest request, byte[] body, ClientHttpRequestExecution execution)
			throws IOException {
		this.httpBytes.addAndGet(body.length);
		return new MeteredResponse(execution.execute(request, body));
	}

	/**
	 * Counts the body while it is read.
	 */
	private final class MeteredResponse implements ClientHttpResponse {

		private final ClientHttpResponse response;

		MeteredResponse(ClientHttpResponse response) {
			this.response = response;
		}

		@Override
		public HttpStatusCode getStatusCode() throws IOException {
			return this.response.getStatusCode();
		}

		@Override
		public String getStatusText() throws IOException {
			return this.response.getStatusText();
		}

		@Override
		public HttpHeaders getHeaders() {
			return this.response.getHeaders();
		}

		@Override
		public InputStream getBody() throws IOException {
			return new MeteredStream(this.response.getBody());
		}

		@Override
		public void close() {
			this.response.close();
		}

	}

	/**
	 * Counts the bytes read.
	 */
	private final class MeteredStream extends FilterInputStream {

		MeteredStream(InputStream in) {
			super(in);
		}

		@Override
		public int read() throws IOException {
			int value = super.read();
			TransferMeter.this.httpBytes.addAndGet((value >= 0) ? 1 : 0);
			return value;
		}

		@Override
		public int read(byte[] target, int offset, int length) throws IOException {
			int count = super.read(target, offset, length);
			TransferMeter.this.httpBytes.addAndGet(Math.max(0, count));
			return count;
		}

	}

}
