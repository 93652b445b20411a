-- The bank's table, as the demo and the compose file start with it.
create table public.transactions (
    id         bigint primary key,
    account    integer not null,
    amount     numeric(12,2) not null,
    currency   varchar(3) not null,
    status     text not null,
    note       text,
    created_at timestamptz not null default now(),
    updated_at timestamp not null default now()
);
