-- What is open and by when: further indexes of the workspace; public notices; complaints.

-- Whose turn it is for what. Where counted is set, the days follow from it and the rules of the scheme.
CREATE TABLE read.workspace_tasks (
    since      timestamptz NOT NULL,
    generation int         NOT NULL,
    ordinal    int         NOT NULL,
    counted    date,
    from_on    date,
    due_on     date,
    last_on    date,
    key        text        COLLATE "C" NOT NULL,
    affiliate  text        COLLATE "C" NOT NULL,
    role       text        NOT NULL,
    task       text        NOT NULL,
    act        text,
    about      text        NOT NULL,
    scheme     text        COLLATE "C" NOT NULL,
    rules      text        NOT NULL,
    zone       text        NOT NULL,
    name       text        NOT NULL,
    PRIMARY KEY (generation, key, ordinal)
);
CREATE INDEX workspace_tasks_of ON read.workspace_tasks (generation, affiliate, role);

-- Every day with a consequence that will come, or has come and is not announced.
CREATE TABLE read.workspace_deadlines (
    generation int  NOT NULL,
    ordinal    int  NOT NULL,
    due_on     date NOT NULL,
    key        text COLLATE "C" NOT NULL,
    affiliate  text COLLATE "C" NOT NULL,
    kind       text NOT NULL,
    about      text NOT NULL,
    scheme     text COLLATE "C" NOT NULL,
    zone       text NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (generation, key, ordinal)
);
CREATE INDEX workspace_deadlines_due ON read.workspace_deadlines (generation, due_on);

CREATE TABLE read.workspace_appeals (
    generation  int  NOT NULL,
    ordinal     int  NOT NULL,
    filed_on    date NOT NULL,
    until       date,
    key         text COLLATE "C" NOT NULL,
    affiliate   text COLLATE "C" NOT NULL,
    appeal_id   text COLLATE "C" NOT NULL,
    decision_id text COLLATE "C" NOT NULL,
    scheme      text COLLATE "C" NOT NULL,
    state       text NOT NULL,
    name        text NOT NULL,
    PRIMARY KEY (generation, key, ordinal)
);
CREATE INDEX workspace_appeals_of ON read.workspace_appeals (generation, affiliate, filed_on);

-- Who declared which interest, or none, in which cycle or appeal.
CREATE TABLE read.workspace_declarations (
    generation int     NOT NULL,
    ordinal    int     NOT NULL,
    mitigated  boolean NOT NULL,
    key        text    COLLATE "C" NOT NULL,
    affiliate  text    COLLATE "C" NOT NULL,
    about      text    COLLATE "C" NOT NULL,
    scheme     text    COLLATE "C" NOT NULL,
    person     text    COLLATE "C" NOT NULL,
    nature     text    NOT NULL,
    name       text    NOT NULL,
    PRIMARY KEY (generation, key, ordinal)
);
CREATE INDEX workspace_declarations_of ON read.workspace_declarations (generation, affiliate, key);

-- Public notices of each program, current and archived; every state is kept, as in the directory.
CREATE TABLE read.notices (
    generation    int    NOT NULL,
    from_position bigint NOT NULL,
    to_position   bigint,
    key           text   COLLATE "C" NOT NULL,
    body          text   NOT NULL,
    PRIMARY KEY (generation, key, from_position)
);
CREATE TABLE read.notices_posted (
    generation    int     NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    posted        bigint  NOT NULL,
    ordinal       int     NOT NULL,
    current       boolean NOT NULL,
    key           text    COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, key, from_position, ordinal)
);
CREATE INDEX notices_posted_in_order ON read.notices_posted (generation, posted) WHERE to_position IS NULL;

CREATE TABLE read.complaints (
    position   bigint NOT NULL,
    generation int    NOT NULL,
    key        text   COLLATE "C" NOT NULL,
    about      text   NOT NULL,
    affiliate  text   COLLATE "C" NOT NULL,
    state      text   NOT NULL,
    body       text   NOT NULL,
    PRIMARY KEY (generation, key)
);
CREATE INDEX complaints_of ON read.complaints (generation, affiliate, position);
