"""The texts and settings of /reparameterization."""

from explorer.core.theory.reparameterization import MAPS
from explorer.ui.exhibits.exhibit import Exhibit, Prediction, Question
from explorer.ui.state.exhibit import Choice, Number

PARTS = ("draws", "estimators", "variance", "maps")

EXHIBIT = Exhibit(
    path="reparameterization",
    title="Reparameterization",
    look="Noise eps is drawn once and held. Drag mu and sigma: every sample z = mu + sigma eps follows, so a gradient can too.",
    models=("mnist-2d", "digits-2d", "mnist", "fashion", "sprites", "digits"),
    settings={
        "part": Choice(PARTS, "draws"),
        "m1": Number(-8, 8),
        "m2": Number(-8, 8),
        "s1": Number(0.002, 2),
        "s2": Number(0.002, 2),
        "seed": Number(0, 999, 0, whole=True),
        "draw": Number(0, 99, 0, whole=True),
        "f": Choice(("square", "sine", "step", "elbo"), "square"),
        "mu": Number(-3, 3, 0.0),
        "sigma": Number(0.01, 2, 1.0),
        "start": Number(0.02, 2, 1.0),
        "precision": Number(0, 1000, 20.0),
        "rate": Number(1e-4, 1, 0.03),
        "map": Choice(MAPS, "location-scale"),
        "eps": Number(-3, 3, 1.0),
    },
    predictions=(
        Prediction(
            "eps is held, and you move mu by 1. How far does a sample z move?",
            ("By 1", "By eps", "It depends on sigma"),
            0,
            "z = mu + sigma eps, so dz/dmu = 1 for every sample: the bubble moves rigidly. By sigma it is dz/dsigma = eps.",
            ("dz-dmu-1", "dz-dmu-2"),
        ),
        Prediction(
            "f = z\N{SUPERSCRIPT TWO}, mu = 0, sigma = 1. How many times the variance of the pathwise estimator has "
            "that of the score function?",
            ("The same", "About 4 times", "About 100 times"),
            1,
            "3.75 times exactly. At mu = 1, sigma = 0.1 it is 2,854 times; for sin 30z it is 1/900, so neither always wins.",
            ("ratio-score",),
        ),
    ),
    questions=(
        Question(
            "A5",
            "Why exp(log variance)? Does that not change the value? What is numerically stable?",
            "exp(log s) = s: the value stays. But the gradient step in sigma or sigma\N{SUPERSCRIPT TWO} may end at or below "
            "0, where there is no standard deviation. Raise the learning rate: only the step in the logarithm never breaks.",
            "part=variance&rate=0.12",
        ),
        Question(
            "A11",
            "Does the fixed base distribution need gradients?",
            "No. eps ~ N(0, I) has no parameters. Press 'New eps': mu, sigma and dz/dmu = 1 stay, dz/dsigma is the new eps.",
            "part=draws&seed=1",
        ),
        Question(
            "A12",
            "Are q(z1|x) and q(z2|x) different distributions? Is z1 a mean or a sample?",
            "Each dimension has its own mu and sigma: an ellipse with two radii (counted from z0). mu is the mean, the orange "
            "point z is a sample.",
            "part=draws&s1=0.6&s2=0.15&draw=3",
        ),
        Question(
            "C1",
            "Does the encoder learn or predict mu and sigma?",
            "It predicts them: choose another image, and mu and sigma change at once. Its weights are learned, and stay.",
            "part=draws&image=1",
        ),
        Question(
            "C2",
            "Why can the gradient not move inside the expectation?",
            "The density that is averaged over contains mu. For a fixed z, f(z) does not, so the derivative inside would be 0. "
            "With z = mu + sigma eps it is f'(z). For the step even that is 0 everywhere, while the true gradient is 0.399.",
            "part=estimators&f=step",
        ),
        Question(
            "C3",
            "Is it dz = d eps only for location-scale families?",
            "Even there it is dz = sigma d eps. The trick only needs a map with a derivative: drag eps along the exponential "
            "one, where dz/d eps = sigma z. The strip under the density keeps its area.",
            "part=maps&map=exponential",
        ),
        Question(
            "D3",
            "Where does a bubble come from?",
            "Of one image the encoder predicts one mu and one sigma. A hundred draws of eps turn them into the bubble.",
            "part=draws&s1=0.5&s2=0.5",
        ),
        Question(
            "D5",
            "Training samples z, evaluation takes the mean: what does that change?",
            "Compare the losses: decoding mu is cheaper than the average over samples, so a test loss at z = mu is no ELBO.",
            "part=draws",
        ),
    ),
    misfit=lambda engine: "it has one latent dimension, and this exhibit draws a plane." if engine.latent_dim < 2 else None,
)
