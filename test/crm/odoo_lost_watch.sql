SELECT capi_watch('crm_lead',
    lead_id         => 'x_meta_lead_id',
    stage           => $$CASE WHEN NOT NEW.active THEN 'Lost'
                         ELSE (SELECT s.name ->> 'en_US' FROM crm_stage s WHERE s.id = NEW.stage_id) END$$,
    event_time      => 'CASE WHEN NEW.active THEN NEW.date_last_stage_update ELSE NEW.date_closed END',
    lead_created_at => 'create_date',
    user_data       => '{"em": "email_normalized", "ph": "coalesce(NEW.phone_sanitized, NEW.phone)"}',
    condition       => $$NEW.active OR NEW.won_status = 'lost'$$,
    repeat          => 'first');
