package dev.vgi.external.network;

import dev.vgi.external.pace.PaceSettings;

/**
 * How requests are limited.
 *
 * @param name for people
 * @param pace the bounds of each process
 */
record Setting(String name, PaceSettings pace) {

	/** The bounds as shipped. */
	static final Setting ADAPTIVE = new Setting("adaptive", new PaceSettings(64, true));

	static Setting fixed(int inFlight) {
		return new Setting("fixed " + inFlight, new PaceSettings(inFlight, false));
	}

}
