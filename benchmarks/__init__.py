"""Benchmarks: each compares with a stated baseline in the same run and prints ratios.

The comparison with other proxies (``python -m benchmarks``): ``__main__`` is its command line,
``compare`` its rounds, ``stage`` where they run, ``workloads`` and ``resting`` what is measured,
``figures`` the goals, ``peers`` the other proxies (``naive`` and ``naive_rust`` are our own),
``load`` the client, ``raw_upstream``, ``raw_http1`` and ``raw_work`` the upstream, ``process``
starts, pins and measures programs, ``results`` and ``report`` are files and tables, ``check``
compares with the results kept. ``arguments`` is what command lines have in common.

This proxy alone: ``curves`` and ``slopes``, ``workers``, ``memory``, ``soak``, ``front_door``
and ``attackers``, ``leaving``; with and without ledger and cache recorder ``insight``,
``insight_ratios`` and ``ledger_latency`` (``switched``). Parts of it: ``transport``,
``telemetry``, ``tap``, ``scrubber``, ``scrub_corpus``, ``hostile``, ``ledger``, ``cache``.
"""
