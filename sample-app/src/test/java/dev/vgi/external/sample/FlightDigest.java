package dev.vgi.external.sample;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * Digest of the values of all columns, one after the other.
 */
final class FlightDigest {

	/** What PyArrow makes of the Parquet file has this digest. */
	static final String ALL = "4abf6cd51127f93db6f619c9c475edec4ef7d1ea7155bd972621a3e00db83be8";

	private FlightDigest() {
	}

	static String of(VectorSchemaRoot batch) {
		try {
			MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
			for (FieldVector vector : batch.getFieldVectors()) {
				long length = (vector instanceof BaseFixedWidthVector fixed)
						? (long) fixed.getTypeWidth() * batch.getRowCount()
						: ((VarCharVector) vector).getEndOffset(batch.getRowCount() - 1);
				ByteBuffer bytes = vector.getDataBuffer().nioBuffer(0, (int) length);
				sha256.update(bytes);
			}
			return HexFormat.of().formatHex(sha256.digest());
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
