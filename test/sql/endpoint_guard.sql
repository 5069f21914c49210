-- Nobody but a superuser decides where a token goes: every way to an endpoint of one's own is tried.
\i test/sql/include/preamble.sql
\set VERBOSITY terse

CREATE ROLE regress_capi_owner;
CREATE ROLE regress_capi_guest;
GRANT USAGE ON FOREIGN DATA WRAPPER crm_capi TO regress_capi_owner;
GRANT CREATE ON SCHEMA public TO regress_capi_owner;
-- a dataset of a superuser's, with a token, that others may send to
CREATE SERVER guard_sales FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1', lead_event_source 'Odoo', mode 'paused');
CREATE USER MAPPING FOR PUBLIC SERVER guard_sales OPTIONS (access_token 'token');
GRANT USAGE ON FOREIGN SERVER guard_sales TO regress_capi_guest, regress_capi_owner;

-- The owner of a dataset: CREATE SERVER, ALTER SERVER, user mapping
SET ROLE regress_capi_owner;
CREATE SERVER guard_own FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1', lead_event_source 'Odoo', endpoint 'https://evil.example');
CREATE SERVER guard_own FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1', lead_event_source 'Odoo', ca_file '/tmp/evil.pem');
CREATE SERVER guard_own FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1', lead_event_source 'Odoo', mode 'paused');
ALTER SERVER guard_own OPTIONS (ADD endpoint 'https://evil.example');
ALTER SERVER guard_own OPTIONS (ADD ca_file '/tmp/evil.pem');
ALTER SERVER guard_own OPTIONS (ADD proxy 'http://evil.example');
CREATE USER MAPPING FOR PUBLIC SERVER guard_own OPTIONS (access_token_file '/etc/passwd');
CREATE USER MAPPING FOR PUBLIC SERVER guard_own OPTIONS (endpoint 'https://evil.example');
IMPORT FOREIGN SCHEMA anything FROM SERVER guard_own INTO public;
-- a foreign table would have options as well
CREATE FOREIGN TABLE guard_table (a integer) SERVER guard_own OPTIONS (endpoint 'https://evil.example');
-- nor does the right to send to somebody else's dataset help
ALTER SERVER guard_sales OPTIONS (ADD endpoint 'https://evil.example');
ALTER SERVER guard_sales OWNER TO regress_capi_owner;
CREATE USER MAPPING FOR PUBLIC SERVER guard_sales OPTIONS (access_token 'mine');
ALTER USER MAPPING FOR PUBLIC SERVER guard_sales OPTIONS (SET access_token 'mine');
DROP SERVER guard_sales;
UPDATE pg_foreign_server SET srvoptions = '{endpoint=https://evil.example}';
ALTER FOREIGN DATA WRAPPER crm_capi NO VALIDATOR;
RESET ROLE;

-- A guest's own mapping is his affair: the shipper takes the owner's or that of PUBLIC
SET ROLE regress_capi_guest;
CREATE USER MAPPING FOR regress_capi_guest SERVER guard_sales OPTIONS (access_token 'mine');
DROP USER MAPPING FOR regress_capi_guest SERVER guard_sales;
RESET ROLE;

-- A superuser has set an endpoint and gives the dataset away: the new owner cannot change where it leads
ALTER SERVER guard_own OPTIONS (ADD endpoint 'https://127.0.0.1:9');
CREATE SERVER guard_given FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id '1', lead_event_source 'Odoo', mode 'paused', endpoint 'https://127.0.0.1:9', ca_file '/tmp/ca.pem');
CREATE USER MAPPING FOR PUBLIC SERVER guard_given OPTIONS (access_token_file '/nonexistent/token');
ALTER SERVER guard_given OWNER TO regress_capi_owner;
SET ROLE regress_capi_owner;
ALTER SERVER guard_given OPTIONS (SET endpoint 'https://evil.example');
ALTER SERVER guard_given OPTIONS (DROP ca_file);
ALTER SERVER guard_given OPTIONS (SET dataset_id '2');
ALTER USER MAPPING FOR PUBLIC SERVER guard_given OPTIONS (SET access_token_file '/etc/passwd');
-- what is left to him leads nowhere else: to Meta, or to nothing
ALTER SERVER guard_given OPTIONS (DROP endpoint, DROP ca_file);
ALTER SERVER guard_given RENAME TO guard_renamed;
RESET ROLE;
SELECT srvname, array(SELECT o FROM unnest(srvoptions) o WHERE o NOT LIKE 'origin=%') AS srvoptions
FROM pg_foreign_server WHERE srvname LIKE 'guard%' ORDER BY srvname;

DROP USER MAPPING FOR PUBLIC SERVER guard_sales;
DROP USER MAPPING FOR PUBLIC SERVER guard_renamed;
DROP SERVER guard_sales, guard_own, guard_renamed;
DROP OWNED BY regress_capi_owner, regress_capi_guest;
DROP ROLE regress_capi_owner, regress_capi_guest;
