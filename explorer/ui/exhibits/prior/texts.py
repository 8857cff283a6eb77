"""The texts and settings of /prior."""

from explorer.ui.exhibits.exhibit import Exhibit, Prediction, Question
from explorer.ui.state.exhibit import Choice, Number

PARTS = ("ring", "sheet", "holes")
N_HOLES = 8
SPAN = 4.0  # of the plane, from -SPAN to SPAN in both dimensions


def _misfit(engine) -> str | None:
    if engine.latent_dim < 2:
        return "it has one latent dimension, and this exhibit draws a plane."
    return None if engine.has_gallery else "it has no encoded images to compare the prior with."


EXHIBIT = Exhibit(
    path="prior",
    title="The prior",
    look="A simple cloud goes in; what comes out is as complex as the map. Move the sliders, then look where no image lies.",
    models=("mnist-2d", "digits-2d", "mnist", "fashion", "sprites", "digits"),
    settings={
        "part": Choice(PARTS, "ring"),
        "shrink": Number(1, 50, 10.0),
        "radius": Number(0, 2, 1.0),
        "disc": Number(0.5, SPAN, 3.0),
        "z1": Number(-SPAN, SPAN, 0.0),
        "z2": Number(-SPAN, SPAN, 0.0),
        "hole": Number(0, N_HOLES, 0, whole=True),  # 0: none is chosen, the point is (z1, z2)
    },
    predictions=(
        Prediction(
            "z is normal. f(z) = z/10 + z/|z|. What does the cloud of f(z) look like?",
            ("A smaller cloud", "A ring", "A filled disc"),
            1,
            "z/|z| pushes every point to distance 1, z/10 leaves a little of the spread. One simple map, and normal noise is a "
            "ring: the prior need not look like the data, the decoder is free to bend it.",
            ("ring-mean", "ring-spread", "ring"),
        ),
        Prediction(
            "You draw z from the prior of this model. How often does it fall where hardly any image lies?",
            ("Never: the KL sees to it", "In a few of 100 draws", "In most draws", "It depends on the number of dimensions"),
            3,
            "With two dimensions hardly ever, with sixteen mostly: compare mnist-2d and mnist. But with sixteen most real "
            "images are not supported by other images either: read the two numbers together.",
            ("hole-share", "unsupported-images"),
        ),
    ),
    questions=(
        Question(
            "A11",
            "Why N(0, I)?",
            "Because it is easy: samples, density and KL are formulas. It does not restrict x: make a ring with the sliders.",
            "part=ring",
        ),
        Question(
            "B8",
            "May I choose another prior?",
            "Yes, any with a density that you can evaluate and sample. The ELBO stays the same; only the KL changes. The last "
            "term of the split, KL(aggregate || prior), is what a better prior could save.",
            "part=holes",
        ),
        Question(
            "C5",
            "Why a normal distribution, and can the prior be learned?",
            "It can: the best prior for a trained encoder is the aggregate posterior on this map. The priors under 'Other "
            "priors' approximate it.",
            "part=holes",
        ),
        Question(
            "D7",
            "Why are some samples bad?",
            "They fall into a hole: the prior draws there, but no image is encoded there. Choose a hole to see what is drawn.",
            "part=holes&hole=1",
        ),
        Question(
            "D8",
            "Why are some paths bad?",
            "They cross a hole. Drag the point from one group to another: where the map is orange, support falls and the image "
            "is between two classes or none.",
            "part=holes&z1=-1.5&z2=1.5",
        ),
        Question(
            "E2",
            "Is a normal prior not too simple?",
            "No: f makes a ring of it, the decoder makes digits of it. Set z/|z| to 0 to see a map that only shrinks.",
            "part=ring&radius=0",
        ),
    ),
    misfit=_misfit,
    has_image=False,
)
