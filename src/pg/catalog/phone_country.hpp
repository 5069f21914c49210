/*
 * phone_country.hpp - the country that completes telephone numbers without one: option
 * default_country of a dataset.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Option default_country of a dataset, or NULL. */
const char* default_country_of(Oid server);

/* Whether a code of two letters stands for a country whose telephone numbers are known. */
bool is_phone_region(const char* code);

/* Reads the tables of the world's telephone numbers, some ten milliseconds and four megabytes: in
 * the postmaster, so that no session has to. */
void warm_phone_room();

}  // namespace crm_capi
