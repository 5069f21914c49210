SELECT capi_watch('workspace_1wgvd1injqtife6y4rvfbu3h5.opportunity',
    lead_id   => $$(SELECT p."metaLeadId" FROM workspace_1wgvd1injqtife6y4rvfbu3h5.person p
                    WHERE p.id = NEW."pointOfContactId")$$,
    stage     => 'stage',
    stage_map => '{"NEW": "initial_lead", "SCREENING": "screened", "MEETING": "met",
                   "PROPOSAL": "offered", "CUSTOMER": "converted"}',
    user_data => jsonb_build_object('em', $$(SELECT p."emailsPrimaryEmail"
                    FROM workspace_1wgvd1injqtife6y4rvfbu3h5.person p WHERE p.id = NEW."pointOfContactId")$$),
    condition => 'NEW."deletedAt" IS NULL');
