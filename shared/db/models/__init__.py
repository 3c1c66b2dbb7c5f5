"""SQLAlchemy tables; rows carry no behavior.

Importing one registers all, because foreign keys name other tables.
"""

from shared.db.models import (  # noqa: F401 - registered in `Base.metadata`
    assets,
    auth,
    jobs,
    locks,
    workers,
)
