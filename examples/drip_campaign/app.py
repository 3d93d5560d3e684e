"""The web app: sign-ups and log-ins arrive here, and Inngest calls the functions at /api/inngest."""

from __future__ import annotations

import fastapi
import inngest
import inngest.fast_api
from pydantic import BaseModel

from .functions import FUNCTIONS, client


class SignUp(BaseModel):
    """What the sign-up form sends."""

    id: int
    email: str
    plan: str = "free"


app = fastapi.FastAPI()
inngest.fast_api.serve(app, client, FUNCTIONS)


@app.post("/users", status_code=202)
async def sign_up(user: SignUp) -> dict[str, list[str]]:
    """Take a sign-up; the campaign does the rest."""
    return {"events": await client.send(inngest.Event(name="user/signed.up", data=user.model_dump()))}
