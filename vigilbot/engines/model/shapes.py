"""What the prompts' replies must look like. Unknown keys are ignored, missing text is empty."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

LONGEST = 20_000  # characters of any text in a reply


def _text(value: object) -> object:
    return "" if value is None else value


def _list(value: object) -> object:
    return [] if value is None else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text), Field(max_length=LONGEST)]
Name = Annotated[str, Field(max_length=64)]
Names = Annotated[list[Name], BeforeValidator(_list), Field(max_length=200)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Identified(BaseModel):
    """prompts/identify.md"""

    reason: Text = ""
    within: Probability
    out: Probability
    none: Probability

    @model_validator(mode="after")
    def says_something(self) -> Identified:
        if self.within + self.out + self.none <= 0:
            raise ValueError("the probabilities add up to 0")
        return self


class Rewritten(BaseModel):
    text: Text
    message_ids: Names = []
    terms: Annotated[list[Annotated[str, Field(max_length=300)]], BeforeValidator(_list)] = []


class Rewrites(BaseModel):
    """prompts/rewrite.md"""

    questions: list[Rewritten]


class Answered(BaseModel):
    """prompts/answer.md"""

    reason: Text = ""
    answer: Text
    citations: Annotated[list[int], BeforeValidator(_list)]
    confidence: Probability


class Reviewed(BaseModel):
    """prompts/review.md"""

    reason: Text = ""
    verdict: Annotated[Literal["keep", "update", "delete"], BeforeValidator(_lower)]
    agreed: bool = False
    message_ids: Names
    question: Text = ""
    answer: Text = ""
    precondition: Text = ""


class Resolved(BaseModel):
    question: Text
    answer: Text
    precondition: Text = ""
    message_ids: Names
    resolves_question: bool = True
    confirmed: bool = False
    confidence: Probability = 1.0


class Resolutions(BaseModel):
    """prompts/extract.md"""

    resolutions: list[Resolved]
