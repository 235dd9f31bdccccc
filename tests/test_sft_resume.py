"""Which checkpoint an interrupted fine-tuning goes on from."""

from __future__ import annotations

from training.trainer import last_checkpoint


def test_a_checkpoint_that_a_killed_run_had_begun_is_removed_and_the_one_before_it_counts(tmp_path):
    assert last_checkpoint(tmp_path / "none") is None
    for step in (100, 200):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-100" / "trainer_state.json").write_text("{}")
    (tmp_path / "checkpoint-200" / "adapter_model.safetensors").write_bytes(b"half")
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-100")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-100"]
