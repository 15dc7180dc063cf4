package dev.vgi.external.workers;

import java.util.List;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;

/**
 * What docs/workers.md calls: a model that is a Python program.
 */
@RpcService(name = "Model", version = "1.0.0")
public interface Model {

	@RpcMethod("score")
	double score(List<Double> features);

}
