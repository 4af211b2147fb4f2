from tests.api.conftest import Desk
from infra.verification import verify
from api.explain import explain
from api.explain_text import text
def test_smoke(desk: Desk) -> None:
    for c in verify(desk.service): print(c)
    for n,j in desk.journeys.items():
        print("=====",n)
        print(text(explain(desk.service.ledger, j.program_id))[:3000])
    print(text(explain(desk.service.ledger, desk.journeys['bridge'].program_id, tier="quality_mentoring_program"))[:600])
    print(text(explain(desk.service.ledger, desk.journeys['harbor'].program_id, tier="associate_partner"))[:600])
    print(text(explain(desk.service.ledger, desk.journeys['open'].program_id, tier="gold_star"))[:1600])
    assert 1
