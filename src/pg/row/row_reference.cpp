/*
 * row_reference.cpp - which row an event came from, for watches that check their condition again.
 */
#include "pg/row/row_reference.hpp"

#include "pg/base/json.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/texts.hpp"
#include "pg/base/trigger_row.hpp"
#include "pg/queue/reached_stage.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "utils/json.h"
}

namespace crm_capi {

namespace {

/* Text that any session reads back to the same value. */
void
pin_text_forms()
{
    static constexpr const char* kPinned[][2] = {
        {"DateStyle", "ISO"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "3"}};

    for (const auto& setting : kPinned)
        (void)set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                true, 0, false);
}

/* Writes a member that is a text, behind what separates it from the one before. */
void
add_member(StringInfo json, const char* separator, const char* name, const char* value)
{
    appendStringInfoString(json, separator);
    escape_json(json, name);
    appendStringInfoChar(json, ':');
    escape_json(json, value);
}

/* Text form of a column's value; how, the settings say that pin_text_forms() has pinned. */
const char*
text_form_of(Relation table, TupleTableSlot* slot, AttrNumber number)
{
    Oid output;
    bool is_varlena;
    bool isnull;
    const Datum value = slot_getattr(slot, number, &isnull);

    getTypeOutputInfo(TupleDescAttr(RelationGetDescr(table), number - 1)->atttypid, &output,
                      &is_varlena);
    return isnull ? "" : OidOutputFunctionCall(output, value); /* a key is never NULL */
}

/* Writes the columns of the primary key with their values, as members. */
void
add_key(StringInfo json, Relation table, Oid primary_key, TupleTableSlot* slot)
{
    const Relation index = index_open(primary_key, AccessShareLock);
    const int settings = NewGUCNestLevel();
    const char* separator = "";

    pin_text_forms();
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++) {
        const AttrNumber number = index->rd_index->indkey.values[i];
        add_member(json, separator,
                   NameStr(TupleDescAttr(RelationGetDescr(table), number - 1)->attname),
                   text_form_of(table, slot, number));
        separator = ",";
    }
    AtEOXact_GUC(false, settings);
    index_close(index, AccessShareLock);
}

/* The columns of the key as it is now; an ERROR if the reference does not name one of them. */
void
set_scan_key(Relation table, Relation index, int i, JsonbContainer* key, ScanKey scan_key)
{
    const AttrNumber number = index->rd_index->indkey.values[i];
    const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), number - 1);
    const char* const text = text_member(key, NameStr(column->attname));
    const Oid type = getBaseType(column->atttypid);
    const Oid equal =
        get_opcode(get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
                                       index->rd_opcintype[i], BTEqualStrategyNumber));
    Oid input;
    Oid parameter;

    if (text == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("primary key of relation \"%s\" has changed",
                               RelationGetRelationName(table))));
    getTypeInputInfo(type, &input, &parameter);
    ScanKeyEntryInitialize(scan_key, 0, number, BTEqualStrategyNumber, InvalidOid,
                           index->rd_indcollation[i], equal,
                           OidInputFunctionCall(input, const_cast<char*>(text), parameter, -1));
}

/* The row by its primary key, in current memory, or NULL. */
HeapTuple
find_row(Relation table, Jsonb* reference)
{
    ScanKeyData keys[INDEX_MAX_KEYS];
    JsonbValue key;
    const Oid primary_key = primary_key_of(table);

    if (!OidIsValid(primary_key) || !find_member(&reference->root, "key", &key) ||
        key.type != jbvBinary)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("relation \"%s\" has no primary key", RelationGetRelationName(table))));
    const Relation index = index_open(primary_key, AccessShareLock);
    const int count = IndexRelationGetNumberOfKeyAttributes(index);
    for (int i = 0; i < count; i++)
        set_scan_key(table, index, i, key.val.binary.data, &keys[i]);
    const SysScanDesc scan =
        systable_beginscan(table, primary_key, true, GetActiveSnapshot(), count, keys);
    const HeapTuple tuple = systable_getnext(scan);
    const HeapTuple copy = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : nullptr;
    systable_endscan(scan);
    index_close(index, AccessShareLock);
    return copy;
}

struct Fetch {
    Relation table;
    Jsonb* reference;
    MemoryContext memory;
    HeapTuple row;
};

/* Work for try_as_owner(). The row is to outlive the subtransaction. */
void
fetch(void* argument)
{
    auto* const work = static_cast<Fetch*>(argument);
    const MemoryContext before = MemoryContextSwitchTo(work->memory);

    work->row = find_row(work->table, work->reference);
    MemoryContextSwitchTo(before);
}

}  // namespace

Jsonb*
reference_to_row(const Watch* watch, TupleTableSlot* slot)
{
    StringInfoData json;
    const Relation table = relation_open(watch->table, NoLock);
    const Oid primary_key = primary_key_of(table);
    Jsonb* reference = nullptr;

    if (OidIsValid(primary_key)) {
        TriggerRow place;
        if (!find_trigger_row(watch->root, &place))
            elog(ERROR, "could not find trigger %u", watch->root);
        initStringInfo(&json);
        add_member(&json, "{", "schema", get_namespace_name(get_rel_namespace(place.table)));
        add_member(&json, ",", "table", get_rel_name(place.table));
        add_member(&json, ",", "trigger", place.name);
        appendStringInfoString(&json, ",\"key\":{");
        add_key(&json, table, primary_key, slot);
        appendStringInfoChar(&json, '}');
        if (watch->first_only)
            appendStringInfo(&json, ",\"%s\":true", kFirstMember);
        appendStringInfoChar(&json, '}');
        reference = parse_json(json.data);
    }
    relation_close(table, NoLock);
    return reference;
}

namespace {

/* Letters and digits, both: neither a name, nor an address, nor a telephone number. */
bool
is_impersonal(std::string_view text)
{
    constexpr size_t kLongest = 64;
    bool has_letter = false;
    bool has_digit = false;

    for (const char c : text) {
        has_letter = has_letter || isalpha(static_cast<unsigned char>(c)) != 0;
        has_digit = has_digit || isdigit(static_cast<unsigned char>(c)) != 0;
        if (isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_')
            return false;
    }
    return has_letter && has_digit && text.size() <= kLongest;
}

/* Whether a column of a key can be kept with an event. Types of others are asked nothing. */
bool
is_impersonal_column(Relation table, TupleTableSlot* slot, AttrNumber number)
{
    bool isnull;
    const Datum value = slot_getattr(slot, number, &isnull);

    switch (getBaseType(TupleDescAttr(RelationGetDescr(table), number - 1)->atttypid)) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case NUMERICOID:
        case UUIDOID:
            return true;
        case TEXTOID:
        case VARCHAROID:
            return !isnull && is_impersonal(text_view(DatumGetTextPP(value)));
        default:
            return false;
    }
}

bool
is_impersonal_key(Relation table, Oid primary_key, TupleTableSlot* slot)
{
    const Relation index = index_open(primary_key, AccessShareLock);
    bool result = true;

    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
        result = result && is_impersonal_column(table, slot, index->rd_index->indkey.values[i]);
    index_close(index, AccessShareLock);
    return result;
}

}  // namespace

Jsonb*
impersonal_reference_to_row(const Watch* watch, TupleTableSlot* slot)
{
    const Relation table = relation_open(watch->table, NoLock);
    const Oid primary_key = primary_key_of(table);
    const bool is_fit = OidIsValid(primary_key) && is_impersonal_key(table, primary_key, slot);

    relation_close(table, NoLock);
    return is_fit ? reference_to_row(watch, slot) : nullptr;
}

bool
find_referenced_watch(Jsonb* reference, ReferencedWatch* found)
{
    const char* const schema = text_member(&reference->root, "schema");
    const char* const table = text_member(&reference->root, "table");
    const char* const trigger = text_member(&reference->root, "trigger");

    *found = {InvalidOid, InvalidOid};
    if (schema == nullptr || table == nullptr || trigger == nullptr)
        return false;
    const Oid schema_oid = get_namespace_oid(schema, true);
    found->table = OidIsValid(schema_oid) ? get_relname_relid(table, schema_oid) : InvalidOid;
    found->trigger =
        OidIsValid(found->table) ? get_trigger_oid(found->table, trigger, true) : InvalidOid;
    return OidIsValid(found->trigger);
}

bool
find_present_watch(Jsonb* reference, Oid schema, ReferencedWatch* found)
{
    int count = 0;

    if (find_referenced_watch(reference, found))
        return true;
    if (!OidIsValid(found->table))
        return false;
    const Relation table = relation_open(found->table, AccessShareLock);
    const TriggerDesc* const triggers = triggers_of(table);
    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        if (is_watch(&triggers->triggers[i], schema)) {
            found->trigger = triggers->triggers[i].tgoid;
            count++;
        }
    }
    relation_close(table, NoLock);
    return count == 1;
}

List*
tables_with_rows_of(Oid table)
{
    return get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE
               ? find_all_inheritors(table, AccessShareLock, nullptr)
               : list_make1_oid(table);
}

const Trigger*
trigger_on(Relation table, Oid root)
{
    const TriggerDesc* const triggers = triggers_of(table);

    for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
        if (root_trigger(&triggers->triggers[i]) == root)
            return &triggers->triggers[i];
    }
    return nullptr;
}

bool
fetch_referenced_row(Relation table, Oid owner, Jsonb* reference, HeapTuple* row, Failure* failure)
{
    Fetch work = {table, reference, CurrentMemoryContext, nullptr};
    const bool is_done = try_as_owner(owner, Surroundings::kPinned, fetch, &work, failure);

    *row = work.row;
    return is_done;
}

}  // namespace crm_capi
