/*
 * stop_signal.hpp - how a shipper hears that it is to end: by SIGTERM, which a shutdown of the
 * server, pg_terminate_backend() and DROP DATABASE ... WITH (FORCE) send.
 *
 * It does not end at once, because what is under way would be in doubt and go twice: it has most of
 * a second to take the answers. Whatever it waits for, in whatever call, ends with that second.
 *
 * The same signals end a commit's wait for a synchronous standby. Then the commit counts, but
 * nobody has confirmed that a failover would keep it.
 */
#pragma once

#include "core/event/event.hpp"

namespace crm_capi {

/* What is left of the second is for the last turn and for the end of the process. */
constexpr UnixMicros kLongestFarewellAfterSignal = 800 * 1000;

/* From here on signals are heeded as told above. */
void heed_stop_signals();

/* Whether the process has been told to end. */
bool stop_was_signalled();

/* Whether its second is over: the next look for interrupts ends it. */
bool must_stop_now();

/* Between turns there is nothing that a cancel request could mean. */
void forget_cancel();

/* To be called before a commit; commit_is_confirmed() then says whether nothing has ended its wait
 * for a synchronous standby early. */
void expect_confirmation();
bool commit_is_confirmed();

}  // namespace crm_capi
