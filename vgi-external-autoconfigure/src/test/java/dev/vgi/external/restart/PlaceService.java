package dev.vgi.external.restart;

import java.util.List;

import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;

/**
 * A contract whose types are loaded anew with each restart.
 */
@RpcService("Places")
interface PlaceService {

	@RpcMethod("move")
	Place move(Place place, double north);

	@RpcMethod("blank")
	byte[] blank(byte[] data);

	@RpcMethod("count")
	ProducerStream<Void> count(long last);

	/**
	 * A place.
	 *
	 * @param name its name
	 * @param tags further names
	 * @param north latitude
	 */
	record Place(String name, List<String> tags, double north) {

	}

}
