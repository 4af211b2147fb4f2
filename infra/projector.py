"""The projector: reads the ledger in order and keeps the read models.

Rows and the position reached are written in one transaction, so a crash at any moment leaves them agreeing. The
position's row is the lock: of several projectors one works on a model, the others pass on. A fact that cannot be
folded stops its own key in that model and nothing else (infra/read_tables.py holds the SQL of the rows).
"""

import logging
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString, cast

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from infra.database import Connection, Database
from infra.history import HISTORY, Entry, History
from infra.read_tables import Difference, ReadTable
from infra.recorder import LedgerRecorder
from infra.subscription import LedgerSubscription
from projections import READ_MODELS
from projections.language import Folding, Parked, ReadModel
