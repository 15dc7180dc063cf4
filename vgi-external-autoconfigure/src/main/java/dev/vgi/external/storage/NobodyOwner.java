package dev.vgi.external.storage;

/**
 * The owner of objects whose keys have no mark.
 */
enum NobodyOwner implements ObjectOwner {

	/** The only one. */
	INSTANCE;

	@Override
	public String mark(String id) {
		return "";
	}

	@Override
	public boolean owns(String id, String mark) {
		return false;
	}

}
