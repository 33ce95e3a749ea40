from inference.on_ray.engine import Seen, _reason

TRACE = """A replica failed to start with exception. Retrying 2 more time(s). Error:
  File "start.py", line 1, in build_engine
LicenceNotAccepted: read it, then run 'outrider licence accept scout'.
"""


def test_while_replicas_are_missing_the_line_says_why():
    seen = Seen("DEPLOYING", 1, 4, _reason(TRACE))
    assert seen.line == (
        "1 of 4 replicas are ready "
        "(LicenceNotAccepted: read it, then run 'outrider licence accept scout'.)"
    )
    assert Seen("RUNNING", 4, 4, "gone by").line == "4 of 4 replicas are ready"
    assert Seen("DEPLOYING", 0, 4, "").line == "0 of 4 replicas are ready"


def test_a_model_that_takes_its_time_to_load_is_no_reason():
    slow = "has 2 replicas that have taken more than 30s to initialize.\nThis may be caused by a "
    assert _reason(slow + "slow __init__ or reconfigure method.") == ""
