# Catalogue.pm - what an extension consists of, as text that can be compared.
#
# One line for each property of each member, and nothing that depends on how or when it came to be:
# no OIDs, and columns by their order instead of their numbers.
package Catalogue;

use strict;
use warnings FATAL => 'all';

my $description = <<'SQL';
WITH member AS (
    SELECT d.classid, d.objid, i.type, i.identity
    FROM pg_extension x
         JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid
                         AND d.deptype = 'e',
         LATERAL pg_identify_object(d.classid, d.objid, 0) i
    WHERE x.extname = 'crm_capi'
), relation AS (
    SELECT m.type, m.identity, c.* FROM member m JOIN pg_class c ON c.oid = m.objid
    WHERE m.classid = 'pg_class'::regclass
), line AS (
    SELECT type, identity, 'comment' AS property,
           obj_description(objid, classid::regclass::name) AS value
    FROM member
    UNION ALL
    SELECT type, identity, 'relation',
           concat_ws(' ', relkind, relpersistence, reloptions, relrowsecurity, relreplident, relacl)
    FROM relation
    UNION ALL
    SELECT r.type, r.identity, 'column ' || row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum),
           concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage,
                     a.attidentity, a.attgenerated, a.attacl, pg_get_expr(d.adbin, d.adrelid),
                     col_description(r.oid, a.attnum))
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT r.type, r.identity, 'index', pg_get_indexdef(i.indexrelid)
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT r.type, r.identity, 'constraint ' || c.conname, pg_get_constraintdef(c.oid)
    FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL
    SELECT r.type, r.identity, 'trigger ' || t.tgname, pg_get_triggerdef(t.oid)
    FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT r.type, r.identity, 'view', pg_get_viewdef(r.oid) FROM relation r WHERE relkind = 'v'
    UNION ALL
    SELECT r.type, r.identity, 'sequence',
           concat_ws(' ', s.seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle)
    FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    SELECT r.type, r.identity, 'in dumps', coalesce(x.extcondition[array_position(x.extconfig, r.oid)], '')
    FROM relation r, pg_extension x
    WHERE x.extname = 'crm_capi' AND r.oid = ANY (x.extconfig)
    UNION ALL
    SELECT m.type, m.identity, 'function', concat_ws(' ', pg_get_functiondef(p.oid), p.proacl)
    FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    WHERE p.prokind = 'f'
    UNION ALL
    SELECT m.type, m.identity, 'wrapper', concat_ws(' ', w.fdwhandler::regproc, w.fdwvalidator::regproc, w.fdwacl)
    FROM member m JOIN pg_foreign_data_wrapper w
         ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
)
SELECT type || ' ' || identity || ', ' || property || ': ' || replace(coalesce(value, ''), E'\n', ' ')
FROM line
SQL

sub query { return $description; }

# Lines that only one of two descriptions has, marked with - and +.
sub difference
{
	my ($expected, $actual) = @_;
	my %expected = map { $_ => 1 } split /\n/, $expected;
	my %actual = map { $_ => 1 } split /\n/, $actual;
	return join "\n", (map { "- $_" } grep { !$actual{$_} } sort keys %expected),
	  map { "+ $_" } grep { !$expected{$_} } sort keys %actual;
}

1;
