"""The Flask app, whose views take validated paths and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, cast

from flask_openapi.openapi import OpenAPI

from api.http.validation import json_pointer
from shared.errors import FieldError, InvalidParams

if TYPE_CHECKING:
    from flask import Flask
    from flask_openapi.blueprint import APIBlueprint
    from pydantic import ValidationError


def make_app() -> Flask:
    """Make the Flask app; its templates and static files lie in `api/web`."""
    return OpenAPI(
        "api",
        validation_error_callback=_refuse,
        doc_ui=False,
        template_folder="web/templates",
        static_folder="web/static",
    )


def register_blueprints(app: Flask, blueprint: APIBlueprint) -> None:
    """Add the routes of the blueprint to the app."""
    cast("OpenAPI", app).register_api(blueprint)


def _refuse(error: ValidationError) -> NoReturn:
    raise InvalidParams(
        [
            FieldError(
                json_pointer(one["loc"]), one["type"].replace("_", "-"), one["msg"]
            )
            for one in error.errors(include_url=False)
        ]
    ) from error
