package dev.vgi.external.test.example.client;

import java.util.List;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;

@RpcService(name = "FlightService")
public interface FlightService {

	@RpcMethod("delays")
	List<Long> delays(String origin);

}
