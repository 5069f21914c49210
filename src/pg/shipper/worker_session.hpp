/*
 * worker_session.hpp - the session of a worker: nothing that is set for the database or for a role
 * reaches into it.
 */
#pragma once

namespace crm_capi {

/* Pins who it is, how long it may take, what its statements mean and how values read as text. To be
 * called once, when it is connected. */
void pin_session();

/* Another value for one of them, from here on. */
void pin_setting(const char* name, const char* value);

}  // namespace crm_capi
