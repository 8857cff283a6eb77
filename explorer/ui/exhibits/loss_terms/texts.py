"""The words of /loss-terms: what to look at, the predictions, and the viewers' questions with the state that answers each."""

from explorer.ui.exhibits.exhibit import Prediction, Question

LOOK = "Three models, one seed, the same batches. Each image's q(z|x) is a bubble. Move the epoch: what does each term do?"
WHERE = ("The left one", "The middle one", "The right one")

PREDICTIONS = (
    Prediction(
        "One of the three was trained with the reconstruction term alone. Which?",
        WHERE,
        1,
        "The middle one: nothing keeps the bubbles large or near the centre, so they shrink to points far apart.",
        ("title-recon-only", "title-both"),
    ),
    Prediction(
        "And which with the KL alone?",
        WHERE,
        0,
        "The left one: every bubble is the prior, whatever the image, and the decoder has learned nothing.",
        ("title-kl-only", "title-both"),
    ),
)

QUESTIONS = (
    Question(
        "A1",
        "Which of the lecture's three pictures is which?",
        "KL only, reconstruction only, both. Read it off the numbers: each model made small what it was trained on.",
        "open=0.1,1.0",
    ),
    Question(
        "A2",
        "What is learned with the KL and without the reconstruction term?",
        "Nothing about images. On the left the KL is 0, every bubble is the unit circle, and all reconstructions are alike.",
        "epoch=24&open=0.1,1.0",
        "[data-twin=kl-only]",
    ),
    Question(
        "A9",
        "Why is the covariance diagonal?",
        "Every bubble is an upright ellipse: one variance a dimension, and the KL is a sum over dimensions.",
        "bubbles=30&open=0.1,1.0",
    ),
    Question(
        "A10",
        "What is collapse: of the variance, and of the posterior?",
        "The middle model's variances collapse to points. With beta = 4, the right one's posteriors collapse to the prior.",
        "beta=4&open=0.1,1.0",
        "[data-twin=both]",
    ),
    Question(
        "B12",
        "How is KL(q || p(z)) computed?",
        "In closed form from mean and variance, without a sample: the sum of the two curves on the right, at the dots.",
        "epoch=0&open=0.1,1.0",
        ".le-side",
    ),
    Question(
        "D2",
        "Why do bubbles overlap, and what undoes it?",
        "The radius term pays for every small bubble. Without it, they shrink until they are apart. The count says so.",
        "radius=off&open=0.1,1.0",
        "[data-twin=both]",
    ),
    Question(
        "D9",
        "Can the variances be drawn too?",
        "They are: each bubble has the radii sigma at the scale of its map. Move the epoch to watch them.",
        "bubbles=300&open=0.1,1.0",
    ),
    Question(
        "E5",
        "How would an encoder cheat without the KL?",
        "It gives every image a point of its own, as the middle model does. Without the pull home they also fly apart.",
        "home=off&open=0.1,1.0",
        "[data-twin=both]",
    ),
)
