select field, was.value, became.value
from jsonb_each({before}) as was (field, value)
full join jsonb_each({after}) as became (field, value) using (field)
where coalesce(was.value, 'null') <> coalesce(became.value, 'null')
