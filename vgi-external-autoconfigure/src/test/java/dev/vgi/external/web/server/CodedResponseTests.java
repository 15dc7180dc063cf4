package dev.vgi.external.web.server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;

import dev.vgi.external.codec.ContentCodec;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link CodedResponse}: what is no Arrow stream is the container's, method by
 * method.
 */
class CodedResponseTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final AnswerCoding CODING = new AnswerCoding(Objects.requireNonNull(ContentCodec.forCoding("gzip")),
			"Content-Encoding");

	private static final WriteListener LISTENER = new WriteListener() {

		@Override
		public void onWritePossible() {
		}

		@Override
		public void onError(Throwable failure) {
		}

	};

	@ParameterizedTest
	@MethodSource
	void anyMethodIsTheContainers(Method method) throws Exception {
		for (String contentType : new String[] { "text/plain", null }) {
			for (boolean decoded : new boolean[] { false, true }) {
				for (@Nullable
				Object[] arguments : List.of(arguments(method, "7"), arguments(method, null))) {
					Container container = new Container(contentType);
					CodedResponse response = container.wrapped(decoded);
					Object returned = method.invoke(response, arguments);
					assertThat(container.calls).containsOnlyOnce(Container.call(method, arguments))
						.allMatch(
								(call) -> call.equals(Container.call(method, arguments)) || call.matches("(get|is).*"));
					if (!(returned instanceof OutputStream)) {
						assertThat(returned).isEqualTo(container.result(method));
					}
				}
			}
		}
	}

	static List<Method> anyMethodIsTheContainers() {
		return methods(HttpServletResponse.class);
	}

	@Test
	void theStreamOfAKnownTypeIsTheContainers() throws Exception {
		Container container = new Container("text/plain");
		assertThat(container.wrapped(false).getOutputStream()).isSameAs(container.stream);
	}

	@ParameterizedTest
	@MethodSource
	void anyMethodOfTheStreamIsTheContainers(Method method) throws Exception {
		for (boolean decoded : new boolean[] { false, true }) {
			Container direct = new Container(null);
			Container wrapped = new Container(null);
			Object expected = invoke(method, direct.stream);
			assertThat(invoke(method, wrapped.wrapped(decoded).getOutputStream())).isEqualTo(expected);
			assertThat(wrapped.stream.calls).isEqualTo(direct.stream.calls);
			assertThat(wrapped.stream.bytes.toByteArray()).isEqualTo(direct.stream.bytes.toByteArray());
		}
	}

	static List<Method> anyMethodOfTheStreamIsTheContainers() {
		return methods(ServletOutputStream.class);
	}

	private static @Nullable Object invoke(Method method, ServletOutputStream stream) throws Exception {
		Object result = method.invoke(stream, arguments(method, "7"));
		// Whether it is the container's again.
		stream.write('.');
		return result;
	}

	@Test
	void whatBecomesArrowAfterItsLengthWasSetIsCoded() throws Exception {
		MockHttpServletResponse container = new MockHttpServletResponse();
		CodedResponse response = new CodedResponse(container, CODING, null);
		response.setContentLength(3);
		OutputStream body = response.getOutputStream();
		response.setContentType(ARROW);
		body.write(new byte[] { 1, 2, 3 });
		response.finish();
		assertThat(container.getHeader("Content-Encoding")).isEqualTo("gzip");
		assertThat(container.getContentLengthLong()).isEqualTo(-1);
		response.setContentLength(3);
		assertThat(container.getContentLengthLong()).isEqualTo(-1);
	}

	@Test
	void partsAreNotCoded() throws Exception {
		MockHttpServletResponse part = new MockHttpServletResponse();
		write(new CodedResponse(part, CODING, null), (response) -> response.setStatus(206));
		assertThat(part.getHeader("Content-Encoding")).isNull();
		MockHttpServletResponse whole = new MockHttpServletResponse();
		write(new CodedResponse(whole, CODING, null), (response) -> response.setHeader("Accept-Ranges", "bytes"));
		assertThat(whole.getHeader("Content-Encoding")).isNull();
		assertThat(whole.getContentLength()).isEqualTo(3);
	}

	@Test
	void whatIsFlushedBeforeItsFirstByteIsNotCoded() throws Exception {
		MockHttpServletResponse container = new MockHttpServletResponse();
		write(new CodedResponse(container, CODING, null), (response) -> {
			response.setContentType(ARROW);
			response.flushBuffer();
		});
		assertThat(container.getHeader("Content-Encoding")).isNull();
		assertThat(container.getContentAsByteArray()).containsExactly(1, 2, 3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "error", "error with message", "redirect", "reset", "resetBuffer" })
	void whatReplacesACodedAnswerIsNotLabelledLikeIt(String how) throws Exception {
		MockHttpServletResponse container = new MockHttpServletResponse();
		CodedResponse response = new CodedResponse(container, CODING, null);
		response.setContentType(ARROW);
		OutputStream body = response.getOutputStream();
		body.write(1);
		assertThat(container.getHeader("Content-Encoding")).isEqualTo("gzip");
		switch (how) {
			case "error" -> response.sendError(500);
			case "error with message" -> response.sendError(500, "failed");
			case "redirect" -> response.sendRedirect("/elsewhere");
			case "reset" -> response.reset();
			default -> response.resetBuffer();
		}
		assertThat(container.getHeader("Content-Encoding")).isNull();
		if (how.startsWith("reset")) {
			assertThat(container.getContentAsByteArray()).isEmpty();
			// A stream stays the same.
			response.setContentType("text/plain");
			body.write('2');
			assertThat(container.getContentAsString()).isEqualTo("2");
		}
	}

	@Test
	void aCodedAnswerIsWrittenByBlocking() throws Exception {
		CodedResponse response = new CodedResponse(new MockHttpServletResponse(), CODING, null);
		response.setContentType(ARROW);
		response.getOutputStream().write(1);
		assertThatIllegalStateException().isThrownBy(() -> response.getOutputStream().setWriteListener(LISTENER));
		response.release();
	}

	@ParameterizedTest
	@ValueSource(strings = { "zstd", "gzip" })
	void aCallerWhoGoesAwayIsNoFailureOfTheCoding(String coding) throws Exception {
		Container container = new Container(ARROW);
		container.stream.gone = true;
		CodedResponse response = new CodedResponse(container.response(),
				new AnswerCoding(Objects.requireNonNull(ContentCodec.forCoding(coding)), "Content-Encoding"), null);
		response.setContentLength(1 << 20);
		OutputStream body = response.getOutputStream();
		byte[] noise = new byte[1 << 20];
		new Random(1).nextBytes(noise);
		assertThatIOException().isThrownBy(() -> body.write(noise)).withMessage("gone");
		response.finish();
	}

	private static void write(CodedResponse response, Setting setting) throws IOException {
		setting.apply(response);
		response.setContentType(ARROW);
		response.setContentLength(3);
		response.getOutputStream().write(new byte[] { 1, 2, 3 });
		response.finish();
	}

	private static List<Method> methods(Class<?> type) {
		return Stream.of(type.getMethods())
			.filter((method) -> !Modifier.isStatic(method.getModifiers()) && method.getDeclaringClass() != Object.class)
			.toList();
	}

	private static @Nullable Object[] arguments(Method method, @Nullable String value) {
		Class<?>[] types = method.getParameterTypes();
		@Nullable Object[] arguments = new @Nullable Object[types.length];
		for (int i = 0; i < types.length; i++) {
			arguments[i] = (types[i] == String.class && i == 1) ? value : argument(types[i]);
		}
		return arguments;
	}

	private static Object argument(Class<?> type) {
		return switch (type.getSimpleName()) {
			case "String" -> "Content-Length";
			case "int" -> 7;
			case "long" -> 7L;
			case "boolean" -> true;
			case "char" -> 'c';
			case "float" -> 7F;
			case "double" -> 7D;
			case "byte[]" -> new byte[20];
			case "ByteBuffer" -> ByteBuffer.allocate(7);
			case "Charset" -> StandardCharsets.UTF_8;
			case "Locale" -> Locale.ROOT;
			case "Cookie" -> new Cookie("name", "value");
			case "Supplier" -> (Supplier<Object>) () -> "";
			case "WriteListener" -> LISTENER;
			default -> throw new IllegalStateException(type.getName());
		};
	}

	/**
	 * What is done with a response before it is written.
	 */
	@FunctionalInterface
	private interface Setting {

		void apply(CodedResponse response) throws IOException;

	}

	/**
	 * A container that remembers what it was asked for.
	 */
	private static final class Container {

		private final List<String> calls = new ArrayList<>();

		private final RecordingStream stream = new RecordingStream();

		private final PrintWriter writer = new PrintWriter(this.stream);

		private final @Nullable String contentType;

		Container(@Nullable String contentType) {
			this.contentType = contentType;
		}

		HttpServletResponse response() {
			return (HttpServletResponse) Proxy.newProxyInstance(getClass().getClassLoader(),
					new Class<?>[] { HttpServletResponse.class }, (proxy, method, arguments) -> {
						this.calls.add(call(method, arguments));
						return result(method);
					});
		}

		CodedResponse wrapped(boolean decoded) {
			return new CodedResponse(response(), CODING,
					decoded ? new DecodedRequest(new MockHttpServletRequest(), null, null) : null);
		}

		static String call(Method method, @Nullable Object @Nullable [] arguments) {
			return method.getName() + ((arguments != null) ? Arrays.toString(arguments) : "[]");
		}

		@Nullable Object result(Method method) {
			return switch (method.getName()) {
				case "getContentType" -> this.contentType;
				case "getOutputStream" -> this.stream;
				case "getWriter" -> this.writer;
				case "getStatus" -> 200;
				case "getBufferSize" -> 8192;
				case "getHeaders", "getHeaderNames" -> List.of("header");
				case "getLocale" -> Locale.ROOT;
				case "getTrailerFields", "getHeader" -> null;
				default -> (method.getReturnType() == boolean.class) ? (Object) false
						: ((method.getReturnType() == String.class) ? "text" : null);
			};
		}

	}

	/**
	 * A stream that remembers what was done with it.
	 */
	private static final class RecordingStream extends ServletOutputStream {

		private final List<String> calls = new ArrayList<>();

		private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

		private boolean gone;

		@Override
		public void write(int value) throws IOException {
			if (this.gone) {
				throw new IOException("gone");
			}
			this.bytes.write(value);
		}

		// Jetty has its own too.
		@Override
		public void print(String text) throws IOException {
			write(('[' + text + ']').getBytes(StandardCharsets.UTF_8));
		}

		@Override
		public void write(ByteBuffer buffer) {
			this.calls.add("write " + buffer.remaining());
		}

		@Override
		public void flush() {
			this.calls.add("flush");
		}

		@Override
		public void close() {
			this.calls.add("close");
		}

		@Override
		public boolean isReady() {
			this.calls.add("isReady");
			return false;
		}

		@Override
		public void setWriteListener(WriteListener listener) {
			assertThat(listener).isSameAs(LISTENER);
			this.calls.add("setWriteListener");
		}

	}

}
