SELECT capi_watch('lead',
    lead_id         => 'c_meta_lead_id',
    stage           => 'status',
    lead_created_at => 'created_at',
    stage_map       => '{"New": "initial_lead", "Assigned": "assigned", "In Process": "qualified",
                         "Converted": "converted", "Recycled": "recycled", "Dead": "lost"}',
    unmapped        => 'park',
    condition       => 'NOT NEW.deleted');
