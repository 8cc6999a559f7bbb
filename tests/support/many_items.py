"""Statements that create thousands of items at once, and swap every second one."""

CREATE_ITEMS = """
select count(catalog.append_to_stream(null, null, jsonb_build_array(jsonb_build_object(
    'type', 'item_created', 'name', 'Thing ' || n, 'description', 'word' || n %% 97 || ' rare' || n,
    'category', 'category' || n %% 40, 'image_urls', '[]'::jsonb, 'location_lat', 1.5, 'location_lon', 2.5,
    'owner_id', 'owner' || n %% 30, 'status', 'active')), '{"user_id": "tester"}'))
from generate_series(1, %s) n
"""
SWAP_EVERY_SECOND_ITEM = """
select count(catalog.append_to_stream(n, null, jsonb_build_array(jsonb_build_object(
    'type', 'item_status_changed', 'old_status', 'active', 'new_status', 'swapped',
    'reason', null)), '{"user_id": "tester"}'))
from generate_series(1, %s, 2) n
"""
