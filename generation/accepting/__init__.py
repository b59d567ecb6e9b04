"""A request becomes a job: into the database with the others of its moment, then a hint to the workers."""
