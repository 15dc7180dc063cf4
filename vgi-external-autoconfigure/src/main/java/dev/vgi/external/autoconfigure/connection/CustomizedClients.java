package dev.vgi.external.autoconfigure.connection;

import dev.vgi.external.Internal;

/**
 * What the presigner of Spring Cloud AWS does not know of. There is no such bean if the
 * application has a presigner of its own, which knows what it is for.
 *
 * @param present whether the application customizes its clients of S3
 */
@Internal
public record CustomizedClients(boolean present) {

}
