/*
 * relation_changes.hpp - hearing of changes to relations, whichever session makes them.
 *
 * The server has room for few callbacks, which all extensions share and which cannot be taken back.
 * So there is one of ours, and it calls whoever listens.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* From now on the listener is called for each relation that changes or goes, with InvalidOid if it
 * may be any of them. It must not look anything up: the message may come in the middle of a
 * look-up. At most four listen, which is known when the library is built: each is a function of
 * ours. Who listens already goes on. */
void on_relation_change(void (*listener)(Oid relation));

}  // namespace crm_capi
