select touched.id, after.valid_from, before.document as before, after.document as after
from (
    {ids}
    order by id
) as touched
left join lateral (
    {document_before}
    limit 1
) as before on true
left join lateral (
    {document_after}
    limit 1
) as after on true
where before.document is distinct from after.document
