/*
 * utility_hook.hpp - a look at utility statements before the server executes them, or after.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* From here on `look` is shown each utility statement before it is executed; an ERROR of its
 * refuses the statement. Who asked last looks first, as with the server's own hooks. To be called
 * while shared_preload_libraries is processed. */
void before_utility(void (*look)(Node* statement));

/* Likewise, after it was executed without an ERROR. */
void after_utility(void (*look)(Node* statement));

}  // namespace crm_capi
