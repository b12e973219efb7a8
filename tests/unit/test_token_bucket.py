"""The token bucket, by its own arithmetic."""

from __future__ import annotations

from eunoe_server.domain.token_bucket import MAX_REMEMBERED, TokenBuckets


def test_a_full_bucket_gives_its_burst_and_then_one_call_for_each_token_that_comes_back() -> None:
    buckets = TokenBuckets(calls_per_minute=60, burst=3)
    taken = [buckets.take("k", 0.0) for _ in range(4)]
    assert [each.retry_after_seconds for each in taken] == [0, 0, 0, 1]
    assert [each.remaining for each in taken] == [2, 1, 0, 0]
    assert [each.reset_seconds for each in taken] == [1, 2, 3, 3]
    assert buckets.take("k", 0.5).retry_after_seconds == 0.5
    assert buckets.take("k", 1.0).retry_after_seconds == 0
    assert buckets.take("k", 1.0).retry_after_seconds == 1


def test_a_refused_call_takes_nothing() -> None:
    buckets = TokenBuckets(calls_per_minute=60, burst=1)
    buckets.take("k", 0.0)
    for _ in range(100):
        assert buckets.take("k", 0.9).retry_after_seconds > 0
    assert buckets.take("k", 1.0).retry_after_seconds == 0


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    buckets = TokenBuckets(calls_per_minute=6_000, burst=2)
    buckets.take("k", 0.0)
    assert buckets.take("k", 1_000.0).remaining == 1
    assert buckets.take("k", 1_000.0).remaining == 0
    assert buckets.take("k", 1_000.0).retry_after_seconds == 0.01


def test_keys_do_not_share() -> None:
    buckets = TokenBuckets(calls_per_minute=1, burst=1)
    assert buckets.take("a", 0.0).retry_after_seconds == 0
    assert buckets.take("a", 0.0).retry_after_seconds == 60
    assert buckets.take("b", 0.0).retry_after_seconds == 0


def test_of_too_many_keys_the_one_that_has_not_called_for_longest_is_forgotten() -> None:
    buckets = TokenBuckets(calls_per_minute=1, burst=1)
    for number in range(MAX_REMEMBERED):
        buckets.take(str(number), 0.0)
    buckets.take("0", 0.0)
    buckets.take("one more", 0.0)
    assert buckets.take("0", 0.0).retry_after_seconds > 0
    assert buckets.take("1", 0.0).retry_after_seconds == 0
