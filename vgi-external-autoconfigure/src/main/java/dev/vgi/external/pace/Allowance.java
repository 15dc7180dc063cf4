package dev.vgi.external.pace;

/**
 * Pays for further requests. Every success adds a fraction of one, up to a limit, so that
 * in the long run they are at most that fraction of all requests. Not thread-safe.
 */
final class Allowance {

	private final double most;

	private final double perSuccess;

	private double saved;

	/**
	 * Create an allowance that is full.
	 * @param most how many can be saved
	 * @param perSuccess what a success adds
	 */
	Allowance(double most, double perSuccess) {
		this.most = most;
		this.perSuccess = perSuccess;
		this.saved = most;
	}

	void refill() {
		this.saved = Math.min(this.most, this.saved + this.perSuccess);
	}

	boolean trySpend(double cost) {
		if (this.saved < cost) {
			return false;
		}
		this.saved -= cost;
		return true;
	}

	int left() {
		return (int) this.saved;
	}

}
