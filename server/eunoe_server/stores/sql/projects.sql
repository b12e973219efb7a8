-- find --
select project_id from projects where name = %(name)s;

-- insert --
insert into projects (name) values (%(name)s)
on conflict (name) do nothing
returning project_id;
