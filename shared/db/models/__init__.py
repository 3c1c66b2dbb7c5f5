"""SQLAlchemy tables; rows have no behavior.

The import of one module registers all tables, because foreign keys name other tables.
"""

from shared.db.models import (  # noqa: F401 - registered in `Base.metadata`
    assets,
    auth,
    jobs,
    locks,
    workers,
)
