"""Failures on request and counts of calls: which call is struck, and under what shape it is counted."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_local.front_door.faults import Asked, Fault, Faults, Requests, fault_from, shape_of


def strikes(fault: Fault, count: int, path: str = "/api/v1/pods", method: str = "GET") -> list[bool]:
    return [fault.strikes(Asked(method, path)) for _ in range(count)]


def test_a_fault_strikes_once_unless_told_otherwise() -> None:
    assert strikes(Fault("pods", 500), 3) == [True, False, False]
    assert strikes(Fault("pods", 500, times=2), 3) == [True, True, False]
    assert strikes(Fault("pods", 500, times=0), 3) == [True, True, True]


def test_calls_can_be_let_through_first() -> None:
    assert strikes(Fault("pods", 500, after=2), 4) == [False, False, True, False]


def test_only_matching_calls_count() -> None:
    fault = Fault("/pods$", 500, method="DELETE", after=1)
    assert not fault.strikes(Asked("GET", "/api/v1/pods"))
    assert not fault.strikes(Asked("DELETE", "/api/v1/nodes"))
    assert (fault.seen.total(), fault.struck.total()) == (0, 0)


def test_each_path_and_method_can_be_struck_by_itself_and_watches_are_none_of_the_reads() -> None:
    fault = Fault(".*", "lost", method="GET|WATCH", each=True)
    calls = [("GET", "/a?limit=1"), ("GET", "/b"), ("GET", "/a?limit=2"), ("WATCH", "/a"), ("POST", "/a")]
    assert [fault.strikes(Asked(method, path)) for method, path in calls] == [True, True, False, True, False]
    assert dict(fault.struck) == {"GET": 2, "WATCH": 1}


def test_a_token_that_was_taken_back_is_told_from_the_new_one() -> None:
    fault = Fault(".*", 401, times=0, bearer="old")
    assert [fault.strikes(Asked("GET", "/", token)) for token in ("old", "new", "old")] == [True, False, True]


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 20))
def test_a_fault_strikes_exactly_as_often_as_asked(after: int, times: int, calls: int) -> None:
    struck = strikes(Fault("x", 500, times=times, after=after), calls, "/x")
    room = max(0, calls - after)
    assert sum(struck) == (min(times, room) if times else room)
    assert not any(struck[:after])


def test_the_first_of_several_faults_answers_and_all_count() -> None:
    faults = Faults([Fault("pods", 409), Fault("pods", 500, after=1)])
    found = [faults.strike(Asked("GET", "/pods")) for _ in range(2)]
    assert [f.answer if f else None for f in found] == [409, 500]


@pytest.mark.parametrize(
    "data", [{}, {"path": "x"}, {"path": "x", "answer": 200}, {"path": "x", "answer": "explode"}, {"path": "x", "answer": 500, "y": 1}]
)
def test_a_fault_that_makes_no_sense_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="answer|fault"):
        fault_from(data)


def test_a_path_that_is_no_expression_is_refused() -> None:
    with pytest.raises(re.error):
        fault_from({"path": "(", "answer": 500})


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/k8s/clusters/local/api/v1/namespaces/a/pods/b", "/k8s/clusters/local/api/v1/namespaces/{namespace}/pods/{name}"),
        ("/api/v1/namespaces/a/pods", "/api/v1/namespaces/{namespace}/pods"),
        (
            "/apis/kubevirt.io/v1/namespaces/a/virtualmachines/b/status",
            "/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{name}/status",
        ),
        ("/api/v1/namespaces/a", "/api/v1/namespaces/{namespace}"),
        ("/api/v1/nodes/n", "/api/v1/nodes/{name}"),
        ("/apis/storage.k8s.io/v1/storageclasses", "/apis/storage.k8s.io/v1/storageclasses"),
        ("/v1/harvester/readyz", "/v1/harvester/readyz"),
    ],
)
def test_names_in_a_path_do_not_count(path: str, shape: str) -> None:
    assert shape_of(path) == shape


def test_calls_are_counted_by_method_and_shape_and_watches_apart() -> None:
    requests = Requests()
    for name in "abc":
        requests.count(Asked("GET", f"/api/v1/nodes/{name}"))
    requests.count(Asked("WATCH", "/api/v1/nodes?watch=true"))
    assert requests.listed() == {
        "total": 4,
        "requests": [
            {"method": "GET", "path": "/api/v1/nodes/{name}", "count": 3},
            {"method": "WATCH", "path": "/api/v1/nodes", "count": 1},
        ],
    }
    requests.clear()
    assert requests.listed()["total"] == 0
