-- dataset.sql - the extension, the dataset and the watch. psql variables: dataset, endpoint, ca, token.

CREATE EXTENSION crm_capi;
CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi
    OPTIONS (dataset_id :'dataset', lead_event_source 'Demo CRM',
             endpoint :'endpoint', ca_file :'ca');
CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token :'token');
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status',
                  event_time => 'status_since', lead_created_at => 'created_at');
