"""The energies of the Oslo lecture, and of the tutorial that it refers to, have their settings."""

from small_runs import composed


def test_of_the_tutorial():
    """Adam 1e-4 without momentum, times 0.97 after each of 60 epochs of 468 batches, gradients of norm 0.1."""
    plain = composed("experiment=mnist_ebm").plain
    objective, optimisation, kernel = plain["objective"], plain["optimisation"], plain["objective"]["kernel"]
    assert (plain["data"]["batch_size"], plain["data"]["image_size"]) == (128, 28)
    assert plain["model"]["energy"]["width"] == 16 and plain["ema"]["_target_"] is None
    assert (optimisation["optimizer"]["lr"], optimisation["optimizer"]["betas"]) == (1e-4, [0.0, 0.999])
    assert optimisation["gradient_clip_norm"] == 0.1 and plain["budget"]["steps"] == 60 * 468
    assert (plain["schedule"]["every"], plain["schedule"]["factor"]) == (468, 0.97)
    assert (objective["chains"]["size"], objective["chains"]["fresh"], objective["steps"]) == (8192, 0.05, 60)
    assert (objective["regularisation"], objective["data_noise"]) == (0.1, 0.005)
    assert (kernel["step_size"], kernel["noise"], kernel["bound"]) == (10.0, 0.005, 0.03)
    assert plain["sampler"]["kernel"] == kernel and (plain["sampler"]["steps"], plain["sampler"]["start"]) == (
        256,
        "noise",
    )


def test_of_the_lecture():
    """500 hidden units, as many persistent chains as a batch has digits, 25 steps."""
    plain = composed("experiment=mnist_rbm").plain
    energy, objective = plain["model"]["energy"], plain["objective"]
    assert (energy["visible"], energy["hidden"]) == (784, 500) and plain["data"]["image_size"] == 28
    assert (objective["steps"], objective["chains"]["fresh"]) == (25, 0.0)
    assert objective["chains"]["size"] == plain["data"]["batch_size"] == 100
    assert plain["model"]["space"]["binarise"] == "fixed"
