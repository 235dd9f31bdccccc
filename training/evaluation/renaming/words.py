"""Plain English words for new names, from harbours, gardens, kitchens and workshops: far from most programs."""

from __future__ import annotations

_VERBS = """
    air anchor assay awaken bake balance barter bask bellow blend bless board bolster borrow braid brew brighten
    brush bundle burnish carve cast chart chisel churn claim climb coax comb comfort cook coat cradle craft crown cure
    dampen darn dip dock dredge drape dust dye embark ease embroider entice escort fasten feed ferry fish flatten forage
    forge furnish garnish gather gild glaze glean graft graze greet grind groom guide harvest haul hem herd hoist hone
    illuminate knead knit lace ladle launch lift light loosen lower mend milk mince mingle mow muster nurse nurture
    oil paddle paint patrol pave peel perch pickle pluck plough polish pour prune quench quilt rake reap rescue rinse
    roast roll row saddle salt scatter scrub season settle sew shear shelter shepherd sift simmer skim smoke soak soften
    sow spin sprinkle steep steer stitch stoke strain sweep sweeten swim tame tan taste temper tend thatch thaw thresh
    tighten till toast tow trim tug tune unfold unload unpack unwrap usher vacate varnish visit wander warm wash water
    wax weave weed welcome whisk whittle winnow woo wrap
"""

_NOUNS = """
    abbey acorn almanac alcove anchor anvil apron arbour attic awning badger bakery balcony balloon bandage barge
    barley barn barrel basin basket beacon beehive bellows bicycle biscuit blanket blossom bonfire bonnet boulder
    bouquet bramble bridle brook broom bucket buckle buoy butter button cabin candle canoe canopy canyon caravan
    carpet carriage carrot cavern cedar cellar chalk chapel cherry chimney cider cinnamon cliff cloak clover coat
    cobbler coconut compost cottage cotton courtyard cradle cranberry creek crystal cupboard curtain cushion cypress
    dagger dairy daisy dawn dinghy dolphin drawer driftwood dune eagle easel ember estuary falcon farmer feather fern
    ferry fiddle fig fireplace flagpole flannel flask flint flour flute fountain foxglove furnace gallery gallon
    garland garlic garment gazebo ginger glacier glove goblet gondola granary grape gravel greenhouse grove guitar
    hammock hamper harbour harness harp hatchet hay hazel heather hedge helmet heron hinge honey hoof hornet horseshoe
    icicle inkwell inn island ivory ivy jacket jasmine jetty jewel jug juniper kayak kennel kettle kingfisher kitchen
    kite ladder lagoon lantern larder lavender ledger lemon library lichen lighthouse lilac linen lobster locket lodge
    loom lullaby lute magnolia mahogany mantle maple marble market marmalade marsh mast meadow melon merchant mill mint
    mirror mitten moat monastery moss mountain mulberry mushroom mustard napkin necklace nettle nutmeg oak oar oasis
    oatmeal olive orchard orchid otter oven owl oyster paddock paintbrush pancake pantry parasol parcel parsley pasture
    pavilion peach pebble pelican pepper petal pewter piano picnic pigeon pillow pine pitcher plum pocket pond poppy
    porch porridge postcard pottery prairie puddle pumpkin quarry quill quilt rabbit radish raft rainbow raisin raven
    reed reef ribbon riddle river robin rooftop rosemary rudder saddle saffron sailor salmon sandal satchel saucer
    scarf sculptor seagull seashell shed shepherd shore shovel silver sleigh slipper snail snowflake sofa spade sparrow
    spice spindle spoon stable statue stove stream suitcase sundial swallow tailor tapestry tavern teapot temple
    thicket thimble thistle timber tinsel torch tortoise tower trellis trout trumpet trunk tulip tunnel turnip twig
    umbrella valley vanilla velvet veranda village vineyard violin wagon walnut walrus waterfall wharf wheat whistle
    willow windmill winery wool workshop wreath yacht yarn zebra
"""

_ADJECTIVES = """
    amber ancient ashen balmy brisk bronze calm candid cheerful chilly cloudy coastal cobalt copper cosy crimson
    crisp curly dainty damp dapper distant dusky dusty eager earthen elegant emerald faded faithful fancy fearless
    festive fluffy foggy fragrant frosty gallant gentle glassy gleaming golden graceful grassy handsome hardy hazy
    hidden hollow humble icy idle indigo ivory jolly joyful keen kindly lavish leafy little lively lonely lofty loyal
    lush marbled mellow merry mighty misty modest mossy muddy narrow nimble noble northern olive painted pale patient
    peaceful pearly placid pleasant plump polished proud purple quaint quiet rainy rosy rugged rustic rusty salty
    sandy scarlet serene shady shaggy shiny silent silken silver sleepy slender smoky snowy snug southern spicy
    stately steady stormy sturdy sunny swift tender tidy tranquil turquoise velvet vivid wandering weary western wild
    windy winter wistful wooden woollen young
"""

VERBS = tuple(_VERBS.split())
NOUNS = tuple(_NOUNS.split())
ADJECTIVES = tuple(_ADJECTIVES.split())
