SELECT capi_watch('crm_lead',
    lead_id         => 'x_meta_lead_id',
    stage           => $$(SELECT s.name ->> 'en_US' FROM crm_stage s WHERE s.id = NEW.stage_id)$$,
    event_time      => 'date_last_stage_update',
    lead_created_at => 'create_date',
    user_data       => '{"em": "email_normalized", "ph": "coalesce(NEW.phone_sanitized, NEW.phone)"}',
    condition       => 'NEW.active');
