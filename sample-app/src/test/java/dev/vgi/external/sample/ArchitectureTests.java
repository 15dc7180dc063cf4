package dev.vgi.external.sample;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import org.junit.jupiter.api.Test;

/**
 * Holds that the client does not lead back to the service.
 */
class ArchitectureTests {

	@Test
	void packagesHaveNoCycles() {
		SlicesRuleDefinition.slices()
			.matching("dev.vgi.external.(**)")
			.should()
			.beFreeOfCycles()
			.check(new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
				.importPackages("dev.vgi.external.sample"));
	}

}
