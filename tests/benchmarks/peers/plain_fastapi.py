# /// script
# requires-python = ">=3.12"
# dependencies = [
#     "fastapi>=0.150,<1",
#     "psycopg[binary]>=3.3,<4",
#     "pyjwt>=2.15,<3",
#     "sqlmodel>=0.0.40,<0.1",
#     "uvicorn[standard]>=0.50,<1",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
# ///
"""What most teams begin with: FastAPI and SQLModel on psycopg, PyJWT, the account read for each request.

Whose row it is decides a condition in each handler. `uv run --script` installs the packages above for itself.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Annotated
from uuid import UUID

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import DateTime, FetchedValue
from sqlmodel import Field, Session, SQLModel, col, create_engine, select


def by_database(sa_type: type | None = None, **arguments: object) -> object:
    """A column that PostgreSQL fills in."""
    return Field(default=None, sa_type=sa_type, sa_column_kwargs={"server_default": FetchedValue()}, **arguments)


class UserPublic(SQLModel):
    id: UUID
    email: str
    full_name: str | None
    is_active: bool
    is_admin: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime


class User(SQLModel, table=True):
    __tablename__ = "users"
    id: UUID = Field(primary_key=True)
    email: str
    full_name: str | None
    is_active: bool
    is_admin: bool
    email_verified_at: datetime | None = Field(sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class NewItem(SQLModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=2000)


class ItemPublic(NewItem):
    id: UUID
    owner_id: UUID
    created_at: datetime
    updated_at: datetime


class Items(SQLModel):
    items: list[ItemPublic]


class Item(SQLModel, table=True):
    __tablename__ = "items"
    id: UUID | None = by_database(primary_key=True)
    owner_id: UUID
    title: str
    description: str | None = None
    created_at: datetime | None = by_database(DateTime(timezone=True))
    updated_at: datetime | None = by_database(DateTime(timezone=True))


engine = create_engine(os.environ["PEERS_URL"].replace("postgresql://", "postgresql+psycopg://"))
app = FastAPI()


def opened() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(opened)]
Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def caller(database: Database, bearer: Bearer) -> User:
    try:
        claims = jwt.decode(bearer.credentials, os.environ["PEERS_SECRET"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "The token is not valid.") from None
    user = database.get(User, UUID(claims["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401, "There is no such account.")
    return user


Caller = Annotated[User, Depends(caller)]


@app.get("/health/live")
def live() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/v1/users/me", response_model=UserPublic)
def me(user: Caller) -> User:
    return user


@app.get("/v1/items", response_model=Items)
def page(database: Database, user: Caller, limit: int = 20) -> dict[str, object]:
    owned = select(Item).where(Item.owner_id == user.id).order_by(col(Item.id).desc()).limit(limit)
    return {"items": database.exec(owned).all()}


@app.post("/v1/items", response_model=ItemPublic, status_code=201)
def add(database: Database, user: Caller, new: NewItem) -> Item:
    item = Item(owner_id=user.id, title=new.title, description=new.description)
    database.add(item)
    database.commit()
    database.refresh(item)
    return item


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--versions", action="store_true", help="print the versions of the packages as JSON and end")
    options.add_argument("--port", type=int)
    chosen = options.parse_args()
    if chosen.versions:
        names = ("fastapi", "sqlmodel", "uvicorn")
        sys.stdout.write(json.dumps({name: version(name) for name in names}))
    else:
        uvicorn.run(app, port=chosen.port, log_level="warning", access_log=False)
