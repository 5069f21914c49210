/*
 * dataset.hpp - datasets as the catalogs describe them: servers of our foreign-data wrapper, their
 * options and credentials, and the numbers under which the log knows them.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The server of this name, or, without a name, the only one; InvalidOid if there is none or,
 * without a name, several. */
Oid find_dataset(const char* name);

/* OIDs of all of them. */
List* all_datasets();

/* find_dataset() with an ERROR that says what is missing, and a check that the current user has
 * USAGE. */
Oid require_dataset(const char* name);

/* Whether that is where we are: a number that was registered elsewhere is a copy's. */
bool is_of_this_database(Datum system_identifier, Datum database);

/* The number of a dataset in the log; registers the dataset at its first use. */
int32 dataset_number(Oid schema, Oid server);

/* Whether a dataset of this server's name was registered in another cluster or database, as in a
 * copy, and not made at home here by capi_resume(). */
bool is_registered_elsewhere(Oid schema, Oid server);

/* The value of an option in a list of options, or NULL. */
const char* option_value(List* options, const char* name);

}  // namespace crm_capi
