package dev.vgi.external;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.Architectures;
import com.tngtech.archunit.library.Architectures.LayeredArchitecture;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import dev.vgi.external.location.PointerRenewal;
import dev.vgi.external.rpc.method.RpcContractException;
import org.junit.jupiter.api.Test;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds the order of the rooms: a package uses only lower floors.
 */
class ArchitectureTests {

	private static final String BASE = "dev.vgi.external";

	/** Ground floor first, as in docs/architecture.md. */
	private static final String[] ROOMS = { "url", "time", "memory", "batch", "codec", "pace", "transport", "transfer",
			"upload", "storage", "fetch", "location", "call", "seal", "web", "rpc", "history", "observation",
			"autoconfigure" };

	private static final JavaClasses CLASSES = new ClassFileImporter()
		.withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
		.importPackages(BASE);

	@Test
	void everyRoomUsesOnlyLowerFloors() {
		LayeredArchitecture house = Architectures.layeredArchitecture().consideringOnlyDependenciesInLayers();
		house = house.layer("base").definedBy(BASE);
		for (String room : ROOMS) {
			house = house.optionalLayer(room).definedBy(BASE + "." + room + "..");
		}
		stacked(house, ROOMS).check(CLASSES);
	}

	@Test
	void pictureShowsTheRoomsInThisOrder() throws Exception {
		String chain = Files.readAllLines(Path.of("../docs/rooms.dot"))
			.stream()
			.filter((line) -> line.strip().startsWith("autoconfigure ->"))
			.findFirst()
			.orElseThrow();
		List<String> rooms = new ArrayList<>(List.of(chain.strip().split(" -> ")));
		Collections.reverse(rooms);
		assertThat(rooms).containsExactly(ROOMS);
	}

	@Test
	void serverAndClientOfRpcStandOnTheSameFloors() {
		for (String[] rooms : new String[][] { { "words", "mapping", "method", "server", "server.http" },
				{ "words", "mapping", "method", "client" }, { "words", "mapping", "method", "server", "pipe.server" },
				{ "words", "mapping", "method", "client", "pipe.client" } }) {
			LayeredArchitecture house = Architectures.layeredArchitecture()
				.consideringOnlyDependenciesInLayers()
				.layer("words")
				.definedBy(BASE + ".rpc");
			for (String room : Arrays.copyOfRange(rooms, 1, rooms.length)) {
				house = house.layer(room).definedBy(BASE + ".rpc." + room);
			}
			stacked(house, rooms).check(CLASSES);
		}
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.server..")
			.should()
			.dependOnClassesThat()
			.resideInAPackage(BASE + ".rpc.client..")
			.check(CLASSES);
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.client..")
			.should()
			.dependOnClassesThat()
			.resideInAPackage(BASE + ".rpc.server..")
			.check(CLASSES);
	}

	@Test
	void pipesStandBesideHttp() {
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.pipe..")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage("jakarta.servlet..", "org.springframework.web.servlet..", BASE + ".web..",
					BASE + ".rpc.server.http..")
			.check(CLASSES);
		noClasses().that()
			.resideInAnyPackage(BASE + ".rpc.server..", BASE + ".rpc.client..", BASE + ".rpc.pipe")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage(BASE + ".rpc.pipe.server..", BASE + ".rpc.pipe.client..")
			.check(CLASSES);
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.pipe.server..")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage(BASE + ".rpc.client..", BASE + ".rpc.pipe.client..")
			.check(CLASSES);
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.pipe.client..")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage(BASE + ".rpc.server..", BASE + ".rpc.pipe.server..")
			.check(CLASSES);
	}

	@Test
	void onlyFactoriesOfConnectionDetailsKnowContainers() {
		// Boot's modules load these, so that an application without them loads nothing.
		noClasses().that()
			.haveNameNotMatching(".*ConnectionDetailsFactory(\\$.*)?")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage("org.testcontainers..", "org.springframework.boot.testcontainers..",
					"org.springframework.boot.docker..")
			.check(CLASSES);
	}

	@Test
	void pointersOverAPipeAreNotRenewable() {
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.pipe..")
			.should()
			.dependOnClassesThat()
			.areAssignableTo(PointerRenewal.class)
			.check(CLASSES);
	}

	@Test
	void aServedCallDoesNotKnowHowItIsCarried() {
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.server")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage("jakarta.servlet..", "org.springframework.web.servlet..", "org.springframework.http..",
					BASE + ".web..")
			.check(CLASSES);
	}

	@Test
	void typedClientsKnowNoTransport() {
		noClasses().that()
			.resideInAPackage(BASE + ".rpc.client")
			.should()
			.dependOnClassesThat()
			.resideInAPackage(BASE + ".web..")
			.check(CLASSES);
	}

	private static LayeredArchitecture stacked(LayeredArchitecture house, String... rooms) {
		LayeredArchitecture stacked = house;
		for (int floor = 0; floor < rooms.length; floor++) {
			String[] above = Arrays.copyOfRange(rooms, floor + 1, rooms.length);
			stacked = (above.length > 0) ? stacked.whereLayer(rooms[floor]).mayOnlyBeAccessedByLayers(above)
					: stacked.whereLayer(rooms[floor]).mayNotBeAccessedByAnyLayer();
		}
		return stacked;
	}

	@Test
	void roomsHaveNoCycles() {
		SlicesRuleDefinition.slices().matching(BASE + ".(**)").should().beFreeOfCycles().check(CLASSES);
	}

	@Test
	void nobodyKnowsHttpClient() {
		// On the class path it would become the engine of the application's own clients.
		noClasses().should().dependOnClassesThat().resideInAPackage("org.apache.hc.client5..").check(CLASSES);
	}

	@Test
	void onlyAutoconfigureKnowsBoot() {
		noClasses().that()
			.resideOutsideOfPackage(BASE + ".autoconfigure..")
			.should()
			.dependOnClassesThat()
			.resideInAPackage("org.springframework.boot..")
			.check(CLASSES);
	}

	@Test
	void onlyTheUpperFloorsKnowSpringWeb() {
		noClasses().that()
			.resideOutsideOfPackages(BASE + ".web..", BASE + ".rpc..", BASE + ".observation..",
					BASE + ".autoconfigure..")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage("org.springframework.web..", "org.springframework.http..", "jakarta.servlet..")
			.check(CLASSES);
	}

	@Test
	void onlyItsBackendKnowsAnSdk() {
		noClasses().that()
			.resideOutsideOfPackages(BASE + ".storage.s3..", BASE + ".autoconfigure..")
			.should()
			.dependOnClassesThat()
			.resideInAPackage("software.amazon.awssdk..")
			.check(CLASSES);
		noClasses().that()
			.resideOutsideOfPackages(BASE + ".storage.gcs..", BASE + ".autoconfigure..")
			.should()
			.dependOnClassesThat()
			.resideInAPackage("com.google.cloud..")
			.check(CLASSES);
	}

	@Test
	void everyErrorHasTheOneParent() {
		classes().that()
			.areAssignableTo(RuntimeException.class)
			// A failure to start is for the FailureAnalyzer, not for a caller.
			.and()
			.resideOutsideOfPackage(BASE + ".autoconfigure..")
			.and()
			.doNotBelongToAnyOf(RpcContractException.class)
			.should()
			.beAssignableTo(VgiExternalException.class)
			.check(CLASSES);
	}

}
