package dev.vgi.external.sample;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

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
		return of(List.of(batch));
	}

	static String of(List<VectorSchemaRoot> pages) {
		try {
			MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
			for (int column = 0; column < FlightStore.SCHEMA.getFields().size(); column++) {
				for (VectorSchemaRoot page : pages) {
					sha256.update(values(page.getVector(column), page.getRowCount()));
				}
			}
			return HexFormat.of().formatHex(sha256.digest());
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static ByteBuffer values(FieldVector vector, int rows) {
		long length = (vector instanceof BaseFixedWidthVector fixed) ? (long) fixed.getTypeWidth() * rows
				: ((VarCharVector) vector).getEndOffset(rows - 1);
		return vector.getDataBuffer().nioBuffer(0, (int) length);
	}

}
