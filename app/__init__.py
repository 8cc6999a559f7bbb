"""The Catalog service and its engine; `architecture` in the README says which module may import which."""
