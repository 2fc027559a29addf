"""Which networks there are: one plain dict, name -> "module:Class".

The strings are lazy, so that the command line can list the names without importing torch. A network of your own needs
no packaging: name it as "my_package.module:Class"; it is built as Class(input_dims, num_classes, config), like those
below.
"""

NETWORKS = {
    "relevance": "sdme_tools.training.networks.relevance:RelevanceNetwork",
    "foal": "sdme_tools.training.networks.foal:FoalNetwork",
    "mmmie": "sdme_tools.training.networks.mmmie:MmmieNetwork",
    "unimodal": "sdme_tools.training.networks.unimodal:UnimodalNetwork",
    "concat": "sdme_tools.training.networks.concat:ConcatNetwork",
    "late": "sdme_tools.training.networks.late:LateNetwork",
    "gated": "sdme_tools.training.networks.gated:GatedNetwork",
    "crossmodal": "sdme_tools.training.networks.crossmodal:CrossmodalNetwork",
}
